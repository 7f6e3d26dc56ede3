#!/usr/bin/env python3
"""How fast calls are set up through the control interface of a media node of ours and of rtpengine, one after the other.

  tests/bench/media_setups.py --json --calls 1000 --lanes 16

Each has one core, the generator (setup_load.cpp) the other, in a network namespace of its own. A call is an offer (both
sides reserved, the caller's address known) and an answer (the called side's address): two ng commands there, two
requests here. A few rounds, the best of each counts: what disturbs makes it slower, never faster.
"""
import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from relay_programs import LOAD_CORE, MEDIA_PORT, NG_PORT, ROOT, Failed, built, start  # noqa: E402
from media_relays import enter_namespace, steer, wait_for_quiet  # noqa: E402


def run_one(name, program, load, calls, lanes, patience):
    noise = wait_for_quiet(patience)
    relay = start(name, program, 3 * calls)  # not all that descriptors allow: kept sockets take some as well
    try:
        kind, port = ("rtpengine", NG_PORT) if name == "rtpengine" else ("nearend", MEDIA_PORT)
        out = subprocess.run(["taskset", "-c", str(LOAD_CORE), load, kind, str(port), str(calls), str(lanes),
                              str(relay.process.pid)], capture_output=True, text=True)
        if out.returncode != 0 or not out.stdout.startswith("{"):
            raise Failed(f"setup_load: {out.stderr.strip()[:200]}")
        return {"relay": name, "noise": round(noise * 100, 1), **json.loads(out.stdout)}
    finally:
        relay.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/nearend"))
    parser.add_argument("--relays", default="rtpengine,sockets,auto")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--lanes", type=int, default=16, help="calls that are being set up at a time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=30, help="seconds to wait for a quiet core before each run")
    parser.add_argument("--json", action="store_true", help="a JSON object a relay")
    options = parser.parse_args()
    enter_namespace()
    steer(False)
    load = built(os.path.dirname(os.path.abspath(options.program)), "setup_load")
    for name in options.relays.split(","):
        try:
            rows = [run_one(name, options.program, load, options.calls, options.lanes, options.patience)
                    for _ in range(options.rounds)]
        except Failed as failed:
            print(f"{name}: {failed}", file=sys.stderr)
            continue
        best = max(rows, key=lambda row: row["set_ups_per_s"])
        print(json.dumps(best) if options.json else
              f"{name:10} {best['set_ups_per_s']:6} set-ups a second, {best['cpu_us']:.0f} us CPU each, "
              f"{best['tear_downs_per_s']} tear-downs a second, {best['failed']} failed (others {best['noise']:.0f} %)", flush=True)


if __name__ == "__main__":
    main()
