"""What a gateway's answers to STUN and OPTIONS cost: one gateway on one core, the asker on the other."""
import json
import os
import subprocess
import tempfile
import time

import relay_programs
import results
from relay_programs import LOAD_CORE, RELAY_CORE, private_kib

PORT = 5919
CONFIG = """[log]
level = "warn"
[media]
recordings = "{work}/recordings"
[gateway]
name = "bench"
probe_answers_most = 100000000
[[gateway.listen]]
protocol = "udp"
local = "127.0.0.1:{port}"
probes = true
[[gateway.provider]]
name = "asker"
addresses = ["127.0.0.0/8"]
outbound = false
"""


def rounds(program, load, kind, seconds, times):
    """Best of some rounds, and what the gateway's private memory grew by from the first to the last."""
    with tempfile.TemporaryDirectory(prefix="nearend-bench-") as work:
        path = os.path.join(work, "gateway.toml")
        with open(path, "w") as out:
            out.write(CONFIG.format(work=work, port=PORT))
        gateway = subprocess.Popen(["taskset", "-c", str(RELAY_CORE), program, "gateway", "--config", path],
                                   stdout=subprocess.PIPE, text=True)
        try:
            gateway.stdout.readline()
            told, weights = [], []
            for _ in range(times):
                run = subprocess.run(["taskset", "-c", str(LOAD_CORE), load, kind, str(PORT), str(seconds), str(gateway.pid)],
                                     capture_output=True, text=True, check=True)
                told.append(json.loads(run.stdout))
                weights.append(private_kib(gateway.pid))
                time.sleep(0.2)
            best = min(told, key=lambda one: one["cpu_us"])
            return best, weights[-1] - weights[0], sum(one["answered"] for one in told), sum(one["lost"] for one in told)
        finally:
            gateway.terminate()
            gateway.wait(20)


def cost(options, table):
    before = results.load()
    load = relay_programs.built(options.build, "probe_load")
    seconds, text, holds = options.seconds or 3, [], True
    for kind, least in (("stun", 100_000), ("options", 20_000)):
        best, grown, answered, lost = rounds(options.program, load, kind, seconds, 5)
        a_core = 1e6 / best["cpu_us"]
        text.append(f"{kind.upper()} {a_core:,.0f} ({best['cpu_us']:.2f} µs an answer; {best['per_s']:,.0f} a second came back, "
                    f"{lost} of {answered + lost:,} were lost, memory {grown:+d} KiB)")
        holds = holds and a_core >= least and grown <= 256
    table.put("probes", "; ".join(text), holds, "tools/bench probes", before)
