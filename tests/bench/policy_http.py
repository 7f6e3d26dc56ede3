#!/usr/bin/env python3
"""A policy server of its own on one core, asked over HTTP at a pace from the other: how long answers take, what a segment weighs.

  tests/bench/policy_http.py --program build/release/nearend --rate 5000 --seconds 10
"""
import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from relay_programs import LOAD_CORE, RELAY_CORE, ROOT, Failed, built, private_kib, wait_for  # noqa: E402

PORT, REGIONS, GATEWAYS, AREAS = 5918, 20, 10, 5
CONFIG = """topology = "topology.toml"
[policy_server]
listen = "127.0.0.1:{port}"
[log]
level = "warn"
"""


def topology():
    """Gateways in every region, and how far the regions are from each other."""
    text = ""
    for region in range(REGIONS):
        for gateway in range(GATEWAYS):
            text += (f'[[gateway]]\nname = "r{region}-gw{gateway}"\nregion = "r{region}"\nprefixes = [""]\n'
                     f'link_uri = "sip:r{region}-gw{gateway}.example:5070;transport=tcp"\n')
        for other in range(region):
            text += f'[[rtt]]\na = "r{region}"\nb = "r{other}"\nms = {10 + 13 * abs(region - other)}.0\n'
    return text


class Server:
    """Ends with its block."""

    def __init__(self, program, directory):
        for name, text in (("topology.toml", topology()), ("policy.toml", CONFIG.format(port=PORT))):
            with open(os.path.join(directory, name), "w") as out:
                out.write(text)
        self.process = subprocess.Popen(["taskset", "-c", str(RELAY_CORE), program, "policy", "--config",
                                         os.path.join(directory, "policy.toml")], stdout=subprocess.DEVNULL)

    def __enter__(self):
        wait_for(lambda: self.ask("GET", "/healthz") is not None, "the policy server")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        if answer.status != 200:
            raise Failed(f"{path}: {answer.status} {answer.read()[:200]}")
        return answer.read()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def latency(program, load, rate, seconds, lanes):
    with tempfile.TemporaryDirectory(prefix="nearend-bench-") as work, Server(program, work) as server:
        before = server.cpu_seconds()
        out = subprocess.run(["taskset", "-c", str(LOAD_CORE), load, str(PORT), str(rate), str(seconds), str(lanes),
                              str(REGIONS), str(GATEWAYS), str(AREAS)], capture_output=True, text=True)
        if out.returncode != 0:
            raise Failed(f"policy_load: {out.stderr.strip()[:200]}")
        return {**json.loads(out.stdout), "core_percent": 100 * (server.cpu_seconds() - before) / (seconds + 1)}


def weight(program, areas=18000, segments=3):
    """Private memory of each segment when so many areas are measured from so many regions each; bytes."""
    with tempfile.TemporaryDirectory(prefix="nearend-bench-") as work, Server(program, work) as server:
        def tell(first, count):
            for region in range(segments):
                told = [{"area": f"r{number % REGIONS}-area{number}", "packets": 50, "lost": 0, "jitter_ms": 2.5,
                         "rtt_ms": 30 + number % 50} for number in range(first, first + count)]
                server.ask("POST", "/v1/reports", {"reports": [{"gateway": f"r{region}-gw0", "segments": told}]})
        for first in range(0, 500, 100):
            tell(first, 100)
        before = private_kib(server.process.pid)
        for first in range(500, areas, 100):
            tell(first, 100)
        return (private_kib(server.process.pid) - before) * 1024 / ((areas - 500) * segments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/nearend"))
    parser.add_argument("--rate", type=int, default=5000, help="questions a second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--lanes", type=int, default=32, help="connections")
    options = parser.parse_args()
    load = built(os.path.dirname(os.path.abspath(options.program)), "policy_load", "-lcrypto")
    print(json.dumps({**latency(options.program, load, options.rate, options.seconds, options.lanes),
                      "segment_bytes": round(weight(options.program), 1)}))


if __name__ == "__main__":
    main()
