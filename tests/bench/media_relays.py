#!/usr/bin/env python3
"""Our relays and rtpengine under the same load, one after another: CPU of the relay's core, delay and loss.

  tests/bench/media_relays.py --json --calls 100,300,600 --relays rtpengine,sockets,range,kernel

A network namespace of its own. The relay has one core, the generator (rtp_load.cpp) the other. Where loopback's packets
are taken in decides whose core pays for it. By default that is where they are sent from, so the way in to a relay is the
generator's, the way out the relay's; for the kernel tier it is the relay's core both ways (steering, RPS), because it
would cost the relay's core nothing otherwise. --steering all has everything on the relay's core for everybody.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from relay_programs import (HOST, LOAD_CORE, PHONES_FROM, RELAY_CORE, ROOT, Failed, built, private_kib,  # noqa: E402
                            start)

QUIET = 0.04
RELAYS = ("rtpengine", "sockets", "range", "kernel")


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


def is_in_kernel(name):
    return name in ("kernel", "bare")


def search(name, program, load, first, seconds, is_steered, say):
    """The most calls that one core carries: a sixth more each time until it does not, twice, or cannot be set up: a process
    may not open as many descriptors everywhere."""
    best, calls, misses = None, first, 0
    while calls <= 3700 and misses < 2:
        try:
            row = run_one(name, program, load, calls, 2.5, seconds, is_steered)
        except Failed as failed:
            return {**(best or {"calls": 0, "cpu": 0}), "refused": str(failed)[:120]}
        row["is_clean"] = is_clean(row)
        say(row)
        if row["is_clean"]:
            best, misses, calls = row, 0, int(calls * 1.17)
        else:
            misses += 1
    return best or {"calls": 0, "cpu": 0}


def search_all(wanted, options, load, say):
    """Each relay's most calls, and whether that is its end or the generator's, which alone comes as far as told in `direct`."""
    def most(name, is_steered):
        return search(name, options.program, load, options.search, options.seconds, is_steered, say)
    alone = {}
    for name in wanted:
        is_steered = options.steering == "all" or is_in_kernel(name)
        if is_steered not in alone:
            alone[is_steered] = most("direct", is_steered)["calls"]
        best = most(name, is_steered)
        ended_by = "the generator" if best["calls"] >= 0.8 * alone[is_steered] else "the relay"
        yield {"relay": name, "calls": best["calls"], "cpu": best["cpu"], "direct": alone[is_steered],
               "ended_by": "descriptors" if "refused" in best else ended_by, "refused": best.get("refused")}


def ratios(rows):
    """Ours against rtpengine at the same load; delays without what the generator and loopback take themselves."""
    theirs = {row["calls"]: row for row in rows if row["relay"] == "rtpengine"}
    told = []
    for row in rows:
        other = theirs.get(row["calls"])
        if row["relay"] not in ("rtpengine", "rtpengine-awake", "direct") and other:
            told.append({"relay": row["relay"], "calls": row["calls"], "cpu": round(row["cpu"] / other["cpu"], 3),
                         "p50_added": round(row["added_us"] / other["added_us"], 3)})
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
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
            ports.write("61000 65000")  # the phones' and the relays' ports are below
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
    parser.add_argument("--patience", type=float, default=30, help="seconds to wait for a quiet core before each run")
    parser.add_argument("--json", action="store_true", help="a JSON object a row on stdout, then one with the ratios")
    options = parser.parse_args()
    enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    load = built(os.path.dirname(os.path.abspath(options.program)), "rtp_load")

    def say(row):
        if options.json:
            print(json.dumps(row), flush=True)
            return
        print(f"{row['relay']:10} {row['calls']:5} calls  cpu {row['cpu']:6.2f} % (others {row['noise']:.0f} %)  p50 {row['p50_us']:7.1f} us  p99 "
              f"{row['p99_us']:8.1f} us  lost {row['lost']} of {row['sent']}  (lag {row['lag_max_us']:.0f} us, steal "
              f"{row['steal']:.1f} %, {row.get('kib_per_call', 0)} KiB a call)", flush=True)

    rows, wanted = [], [name for name in options.relays.split(",") if name]
    for most in search_all(wanted, options, load, say) if options.search else []:
        print(json.dumps({"most": most}) if options.json else
              f"{most['relay']:10} at most {most['calls']} calls ({most['ended_by']} ends it; cpu {most['cpu']:.0f} %, the "
              f"generator alone {most['direct']})", flush=True)
    for calls in [] if options.search else map(int, options.calls.split(",")):
        alone = {}
        runs = [(name, options.steering == "all" or is_in_kernel(name)) for name in wanted]
        for name, is_steered in [("direct", way) for way in sorted({way for _, way in runs})] + runs:
            try:
                row = run_one(name, options.program, load, calls, options.warmup, options.seconds, is_steered,
                              options.patience)
            except Failed as failed:
                print(f"{name}: {failed}", file=sys.stderr)
                continue
            rows.append(row)
            if name == "direct":
                alone[is_steered] = row["p50_us"]
            row["added_us"] = round(row["p50_us"] - alone.get(is_steered, 0), 1)
            say(row)
    for one in ratios(rows):
        print(json.dumps({"ratio": one}) if options.json else
              f"{one['relay']:10} {one['calls']:5} calls  cpu x {one['cpu']}  added p50 x {one['p50_added']}",
              flush=True)


if __name__ == "__main__":
    main()
