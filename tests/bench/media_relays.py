#!/usr/bin/env python3
"""Our relays and rtpengine under the same load, one after another: CPU of the relay's core, delay and loss.

  tests/bench/media_relays.py --json --calls 100,300,600 --relays rtpengine,sockets,range,kernel

A network namespace of its own. The relay has one core, the generator (rtp_load.cpp) the other. Where loopback's packets
are taken in decides whose core pays for it. By default that is where they are sent from, so the way in to a relay is the
generator's, the way out the relay's; for the kernel tier it is the relay's core both ways (steering, RPS), because it
would cost the relay's core nothing otherwise. --steering all has everything on the relay's core for everybody.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELAY_CORE, LOAD_CORE = 0, 1
QUIET = 0.04
RELAYS = ("rtpengine", "sockets", "range", "kernel")
HOST, PHONES_FROM = "127.0.0.1", 40000
MEDIA_PORT, NG_PORT = 5915, 2223
CONFIG = """[media]
port_first = 10000
port_last = 39999
anchors_max = 8000
recordings = "{work}/recordings"
tiers = "{tier}"
[media_server]
listen = "127.0.0.1:5915"
"""


class Failed(Exception):
    pass


def load_program(directory):
    """The generator, built where it is missing or old: it stands alone."""
    source = os.path.join(ROOT, "tests/bench/rtp_load.cpp")
    program = os.path.join(directory, "rtp_load")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run(["clang++-19", "-std=c++2b", "-O2", "-o", program, source], check=True)
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

    def __init__(self, command):
        self.process = subprocess.Popen(["taskset", "-c", str(RELAY_CORE), *command], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

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
    def __init__(self, program, tier):
        self.work = tempfile.mkdtemp(prefix="nearend-bench-")
        path = os.path.join(self.work, "media.toml")
        with open(path, "w") as out:
            out.write(CONFIG.format(work=self.work, tier=tier))
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


def start(name, program):
    if name == "direct":
        return Direct()
    if name == "rtpengine":
        return Rtpengine()
    return Nearend(program, name)


def run_one(name, program, load, calls, warmup, seconds, is_steered, patience=60):
    """One relay under one load: a row."""
    steer(is_steered)
    noise = wait_for_quiet(patience)
    relay = start(name, program)
    targets = tempfile.NamedTemporaryFile("w", suffix=".targets", delete=False)
    try:
        before = private_kib(relay.process.pid) if relay.process else 0
        began = time.monotonic()
        for number in range(calls):
            phones = [PHONES_FROM + 4 * number, PHONES_FROM + 4 * number + 2]
            for phone, port in zip(phones, relay.call(number, phones)):
                targets.write(f"{phone} {HOST} {port}\n")
        set_up = time.monotonic() - began
        targets.close()
        out = subprocess.run(["taskset", "-c", str(LOAD_CORE), load, targets.name, str(warmup), str(seconds),
                              str(RELAY_CORE)], capture_output=True, text=True)
        if out.returncode != 0:
            raise Failed(f"rtp_load: {out.stderr.strip()[:200]}")
        row = {"relay": name, "calls": calls, "is_steered": is_steered,
               "noise": round(noise * 100, 1), **json.loads(out.stdout)}
        row["set_ups_per_s"] = round(calls / set_up)
        if relay.process:
            row["kib_per_call"] = round((private_kib(relay.process.pid) - before) / calls, 1)
        return row
    finally:
        relay.close()
        os.unlink(targets.name)


def is_clean(row):
    return row["lost"] <= row["sent"] * 0.0001 and row["p99_us"] < 5000


def search(name, program, load, first, seconds, say):
    """The most calls that one core carries: a twelfth more each time until it does not. The generator's end comes as its
    lag: then the figure is only what could be asked for."""
    best, calls = None, first
    while calls <= 3700:
        row = run_one(name, program, load, calls, 2.5, seconds, name == "kernel")
        row["is_clean"] = is_clean(row)
        row["is_load_behind"] = row["lag_max_us"] > 20000
        say(row)
        if not row["is_clean"]:
            break
        best = row
        calls = int(calls * 1.25)
    return best


def ratios(rows):
    """Ours against rtpengine at the same load; delays without what the generator and loopback take themselves."""
    bare = {(row["calls"], row["is_steered"]): row["p50_us"] for row in rows if row["relay"] == "direct"}
    theirs = {row["calls"]: row for row in rows if row["relay"] == "rtpengine"}

    def added(row):
        return row["p50_us"] - bare[row["calls"], row["is_steered"]]
    told = []
    for row in rows:
        other = theirs.get(row["calls"])
        if row["relay"] not in ("rtpengine", "direct") and other:
            told.append({"relay": row["relay"], "calls": row["calls"], "cpu": round(row["cpu"] / other["cpu"], 3),
                         "p50_added": round(added(row) / added(other), 3)})
    return told


def steer(is_on):
    """Whether the relay's core takes in what comes over loopback."""
    with open("/sys/class/net/lo/queues/rx-0/rps_cpus", "w") as steering:
        steering.write(f"{1 << RELAY_CORE:x}" if is_on else "0")


def busy_share(seconds=0.5):
    """How much of the relay's core others use."""
    def idle():
        with open("/proc/stat") as stat:
            fields = next(line for line in stat if line.startswith(f"cpu{RELAY_CORE} ")).split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
    before, began = idle(), time.monotonic()
    time.sleep(seconds)
    return max(0.0, 1 - (idle() - before) / (time.monotonic() - began))


def wait_for_quiet(limit):
    """The relay's core for the relay alone, as far as that can be had; the share that others still use."""
    end = time.monotonic() + limit
    while (share := busy_share()) > QUIET and time.monotonic() < end:
        time.sleep(1)
    return share


def enter_namespace():
    """This program again, alone in a network of its own."""
    if os.environ.get("NEAREND_BENCH_NETWORK"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
        return
    os.environ["NEAREND_BENCH_NETWORK"] = "own"
    os.execvp("unshare", ["unshare", "-nm", sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/nearend"))
    parser.add_argument("--calls", default="100,300,600")
    parser.add_argument("--relays", default=",".join(RELAYS))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warmup", type=float, default=3)
    parser.add_argument("--search", type=int, metavar="FROM", help="look for the most calls, beginning with so many")
    parser.add_argument("--steering", choices=("kernel", "all"), default="kernel",
                        help="for whom loopback's packets are taken in by the relay's core")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for a quiet core before each run")
    parser.add_argument("--json", action="store_true", help="a JSON object a row on stdout, then one with the ratios")
    options = parser.parse_args()
    enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    load = load_program(os.path.dirname(os.path.abspath(options.program)))

    def say(row):
        if options.json:
            print(json.dumps(row), flush=True)
            return
        print(f"{row['relay']:10} {row['calls']:5} calls  cpu {row['cpu']:6.2f} % (others {row['noise']:.0f} %)  p50 {row['p50_us']:7.1f} us  p99 "
              f"{row['p99_us']:8.1f} us  lost {row['lost']} of {row['sent']}  (lag {row['lag_max_us']:.0f} us, steal "
              f"{row['steal']:.1f} %, {row.get('kib_per_call', 0)} KiB a call)", flush=True)

    rows, wanted = [], [name for name in options.relays.split(",") if name]
    for name in wanted if options.search else []:
        search(name, options.program, load, options.search, options.seconds, say)
    for calls in [] if options.search else map(int, options.calls.split(",")):
        runs = [(name, options.steering == "all" or name == "kernel") for name in wanted]
        for name, is_steered in [("direct", way) for way in sorted({way for _, way in runs})] + runs:
            try:
                row = run_one(name, options.program, load, calls, options.warmup, options.seconds, is_steered,
                              options.patience)
            except Failed as failed:
                print(f"{name}: {failed}", file=sys.stderr)
                continue
            rows.append(row)
            say(row)
    for one in ratios(rows):
        print(json.dumps({"ratio": one}) if options.json else
              f"{one['relay']:10} {one['calls']:5} calls  cpu x {one['cpu']}  added p50 x {one['p50_added']}",
              flush=True)


if __name__ == "__main__":
    main()
