"""The relays that are compared, each a process on a core of its own, driven over its control interface."""
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELAY_CORE, LOAD_CORE = 0, 1
HOST, PHONES_FROM, PORTS_FROM = "127.0.0.1", 40000, 10000
MEDIA_PORT, NG_PORT = 5915, 2223
CONFIG = """[media]
port_first = 10000
port_last = 39999
anchors_max = {anchors_max}
recordings = "{work}/recordings"
tiers = "{tier}"
[media_server]
listen = "127.0.0.1:5915"
"""


class Failed(Exception):
    pass


def built(directory, name, *libraries):
    """A program of this folder, built where it is missing or old: it stands alone."""
    source, program = os.path.join(ROOT, "tests/bench", name + ".cpp"), os.path.join(directory, name)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run(["clang++-19", "-std=c++2b", "-O2", "-o", program, source, *libraries], check=True)
    return program


def built_bpf(directory, name):
    """The same for the kernel."""
    source, program = os.path.join(ROOT, "tests/bench", name + ".bpf.c"), os.path.join(directory, name + ".bpf.o")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        machine = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
        subprocess.run(["clang-19", "-target", "bpf", "-mcpu=v3", "-O2", "-g", f"-I/usr/include/{machine}", "-c", source,
                        "-o", program], check=True)
    return program


def wait_for(ready, what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.05)
    raise Failed(f"{what} did not answer")


def private_kib(pid):
    """Memory that the process has written, without the kernel's tables: their size is that of the range of ports."""
    total, is_table = 0, False
    with open(f"/proc/{pid}/smaps") as maps:
        for line in maps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                is_table = "bpf-map" in line
            elif line.startswith("Private_Dirty:") and not is_table:
                total += int(line.split()[1])
    return total


class Relay:
    """A process on the relay's core; call(n) gives the ports that the phones of call n send to."""

    def __init__(self, command, **more):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more}
        self.process = subprocess.Popen(["taskset", "-c", str(RELAY_CORE), *command], **pipes)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Direct:
    """Nothing between the phones: what the generator itself and loopback cost."""
    process = None

    def call(self, number, phones):
        return [phones[1], phones[0]]

    def close(self):
        pass


class Nearend(Relay):
    def __init__(self, program, tier, anchors_max):
        self.work = tempfile.mkdtemp(prefix="nearend-bench-")
        path = os.path.join(self.work, "media.toml")
        with open(path, "w") as out:
            out.write(CONFIG.format(work=self.work, tier=tier, anchors_max=anchors_max))
        super().__init__([program, "media", "--config", path])
        self.connection = http.client.HTTPConnection(HOST, MEDIA_PORT, timeout=10)
        wait_for(lambda: self.connection.connect() is None, "the media node")

    def send(self, method, path, body):
        self.connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Failed(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else {}

    def call(self, number, phones):
        anchors, ports = [], []
        for side, phone in zip("ab", phones):
            made = self.send("POST", "/v1/media/anchors", {
                "call": f"CA{number}", "leg": f"LG{number:08}{side}", "streams": ["audio"], "has_inner": False,
                "lease_s": 600})
            anchors.append(made["id"])
            ports.append(int(made["streams"][0]["outer"].rsplit(":", 1)[1]))
            self.send("PUT", f"/v1/media/anchors/{made['id']}/remotes/outer", {
                "stream": 0, "rtp": f"{HOST}:{phone}", "rtcp": f"{HOST}:{phone + 1}",
                "formats": [{"payload_type": 0, "name": "PCMU", "clock_rate": 8000},
                            {"payload_type": 101, "name": "telephone-event", "clock_rate": 8000}]})
        self.send("PUT", f"/v1/media/anchors/{anchors[0]}/path", {"kind": "bridge", "peer": anchors[1]})
        return ports

    def close(self):
        super().close()
        shutil.rmtree(self.work, ignore_errors=True)


def bencode(value):
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    data = value.encode()
    return str(len(data)).encode() + b":" + data


class Rtpengine(Relay):
    def __init__(self):
        program = shutil.which("rtpengine", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
        if not program:
            raise Failed("rtpengine is not installed: tools/install-packages tools/packages-bench.txt")
        super().__init__([program, "--config-file=none", "--foreground", "--table=-1", f"--interface={HOST}",
                          f"--listen-ng={HOST}:{NG_PORT}", "--port-min=10000", "--port-max=39999", "--num-threads=2",
                          "--log-level=3", "--log-stderr"])
        self.ng = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ng.settimeout(2)
        self.ng.connect((HOST, NG_PORT))
        self.cookie = 0
        wait_for(lambda: b"pong" in self.ask({"command": "ping"}), "rtpengine")

    def ask(self, command):
        self.cookie += 1
        cookie = f"c{self.cookie} ".encode()
        self.ng.send(cookie + bencode(command))
        while True:
            answer = self.ng.recv(65536)
            if answer.startswith(cookie):
                return answer

    def offer(self, command, number, phone, **more):
        sdp = (f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {phone} RTP/AVP 0 101\r\n"
               "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n")
        answer = self.ask({"command": command, "call-id": f"call{number}", "from-tag": "a", "sdp": sdp, "ICE": "remove",
                           "replace": ["origin"], **more})
        port = re.search(rb"m=audio (\d+) ", answer)
        if not port:
            raise Failed(f"rtpengine {command}: {answer[:300]!r}")
        return int(port[1])

    def call(self, number, phones):
        towards_b = self.offer("offer", number, phones[0])
        towards_a = self.offer("answer", number, phones[1], **{"to-tag": "b"})
        return [towards_a, towards_b]

    def close(self):
        super().close()
        self.ng.close()


class AwakeRtpengine(Rtpengine):
    """The same with cores that do not sleep, as our node has them from a rate on (media.awake_from)."""

    def __init__(self):
        self.request = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
        os.write(self.request, bytes(4))
        super().__init__()

    def close(self):
        super().close()
        os.close(self.request)


class Bare(Relay):
    """The least that forwards in the kernel: a program at TC ingress and a table."""

    def __init__(self, directory):
        super().__init__([built(directory, "bare_forwarder", "-lbpf"), built_bpf(directory, "bare_forwarder")],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, number, phones):
        ports = [PORTS_FROM + 4 * number, PORTS_FROM + 4 * number + 2]
        lines = [f"{ports[0]} {phones[0]} {ports[1]} {phones[1]}", f"{ports[1]} {phones[1]} {ports[0]} {phones[0]}", "go"]
        self.process.stdin.write("\n".join(lines) + "\n")
        self.process.stdin.flush()
        if "ready" not in self.process.stdout.readline():
            raise Failed("the bare forwarder could not be loaded")
        return ports

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)


def start(name, program, anchors_max=12000):
    if name == "direct":
        return Direct()
    if name == "rtpengine":
        return Rtpengine()
    if name == "rtpengine-awake":
        return AwakeRtpengine()
    if name == "bare":
        return Bare(os.path.dirname(os.path.abspath(program)))
    return Nearend(program, name, anchors_max)
