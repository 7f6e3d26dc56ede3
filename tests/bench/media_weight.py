"""What a media node's own memory grows by for each bridged leg: the media part of a held call."""
import base64
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

PORT = 5914
CONFIG = """[media]
port_first = 20000
port_last = 60999
anchors_max = 4000
recordings = "{work}/recordings"
[media_server]
listen = "127.0.0.1:5914"
"""


PCMU = {"payload_type": 0, "name": "PCMU", "clock_rate": 8000}
OPUS = {"payload_type": 111, "name": "opus", "clock_rate": 48000, "channels": 2, "fmtp": "useinbandfec=1"}


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(re.search(r"Private_Dirty:\s+(\d+)", rollup.read())[1])


class Client:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)

    def send(self, method, path, body):
        self.connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else {}

    def bridged_pair(self, number, is_protected=False, formats=(PCMU, PCMU), phone=("127.0.0.1", 9000)):
        """Two legs as a forwarded call has them: no inner side, each with its endpoint, bridged; with SRTP if wanted. Where
        they listen."""
        anchors, ports = [], []
        for side in ("a", "b"):
            leg = {"call": f"CA{number}", "leg": f"LG{number:08}{side}", "streams": ["audio"], "has_inner": False,
                   "lease_s": 600}
            made = self.send("POST", "/v1/media/anchors", leg)
            anchors.append(made["id"])
            ports.append(int(made["streams"][0]["outer"].rpartition(":")[2]))
        remote = {"stream": 0, "rtp": f"{phone[0]}:{phone[1]}", "rtcp": f"{phone[0]}:{phone[1] + 1}"}
        for anchor, told in zip(anchors, formats):
            if is_protected:
                keys = [base64.b64encode(os.urandom(28)).decode() for _ in range(2)]
                remote["srtp"] = {"suite": "AEAD_AES_128_GCM", "send": keys[0], "receive": keys[1]}
            self.send("PUT", f"/v1/media/anchors/{anchor}/remotes/outer", remote | {"formats": [told]})
        self.send("PUT", f"/v1/media/anchors/{anchors[0]}/path", {"kind": "bridge", "peer": anchors[1]})
        return ports


def packet(payload_type, number, ticks, payload):
    return struct.pack(">BBHII", 0x80, payload_type, number, number * ticks, 7) + payload


def transcoded_kib(program, counts=(100, 600)):
    """The same where one leg has Opus and the other G.711, and both have spoken."""
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", 0))

    def make(client, number, _):
        ports = client.bridged_pair(number, False, (OPUS, PCMU), phone.getsockname())
        for frame in range(5):  # narrow-band SILK of 20 ms; the bytes say anything
            phone.sendto(packet(111, frame, 960, bytes([0x08]) + bytes(range(20, 50))), ("127.0.0.1", ports[0]))
            phone.sendto(packet(0, frame, 160, bytes(range(160))), ("127.0.0.1", ports[1]))
    try:
        return kib_a_call(program, counts, make=make)
    finally:
        phone.close()


def start_node(program, work):
    config = os.path.join(work, "media.toml")
    with open(config, "w") as out:
        out.write(CONFIG.format(work=work))
    node = subprocess.Popen([program, "media", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            Client().connection.connect()
            break
        except OSError:
            time.sleep(0.05)
    return node


def kib_a_call(program, counts=(400, 1400), is_protected=False, make=Client.bridged_pair):
    work = tempfile.mkdtemp(prefix="nearend-bench-")
    node = start_node(program, work)
    try:
        client, points, made = Client(), [], 0
        for count in counts:
            while made < count:
                make(client, made, is_protected)
                made += 1
            time.sleep(5)  # for what setting up leaves behind
            points.append(private_kib(node.pid))
        return (points[1] - points[0]) / (counts[1] - counts[0])
    finally:
        node.terminate()
        node.wait()
        shutil.rmtree(work, ignore_errors=True)
