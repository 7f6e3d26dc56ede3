"""What a media node's own memory grows by for each bridged leg: the media part of a held call."""
import base64
import http.client
import json
import os
import re
import shutil
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

    def bridged_pair(self, number, is_protected=False):
        """Two legs as a forwarded call has them: no inner side, each with its endpoint, bridged; with SRTP if wanted."""
        anchors = []
        for side in ("a", "b"):
            leg = {"call": f"CA{number}", "leg": f"LG{number:08}{side}", "streams": ["audio"], "has_inner": False,
                   "lease_s": 600}
            anchors.append(self.send("POST", "/v1/media/anchors", leg)["id"])
        remote = {"stream": 0, "rtp": "127.0.0.1:9000", "rtcp": "127.0.0.1:9001",
                  "formats": [{"payload_type": 0, "name": "PCMU", "clock_rate": 8000}]}
        for anchor in anchors:
            if is_protected:
                keys = [base64.b64encode(os.urandom(28)).decode() for _ in range(2)]
                remote["srtp"] = {"suite": "AEAD_AES_128_GCM", "send": keys[0], "receive": keys[1]}
            self.send("PUT", f"/v1/media/anchors/{anchor}/remotes/outer", remote)
        self.send("PUT", f"/v1/media/anchors/{anchors[0]}/path", {"kind": "bridge", "peer": anchors[1]})


def kib_a_call(program, counts=(400, 1400), is_protected=False):
    work = tempfile.mkdtemp(prefix="nearend-bench-")
    config = os.path.join(work, "media.toml")
    with open(config, "w") as out:
        out.write(CONFIG.format(work=work))
    node = subprocess.Popen([program, "media", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                Client().connection.connect()
                break
            except OSError:
                time.sleep(0.05)
        client, points, made = Client(), [], 0
        for count in counts:
            while made < count:
                client.bridged_pair(made, is_protected)
                made += 1
            time.sleep(5)  # for what setting up leaves behind
            points.append(private_kib(node.pid))
        return (points[1] - points[0]) / (counts[1] - counts[0])
    finally:
        node.terminate()
        node.wait()
        shutil.rmtree(work, ignore_errors=True)
