"""Rows of the policy server: days of the simulated world, what a decision and a report cost, in process and over HTTP."""
import json
import os
import subprocess

import media_relays
import policy_http
import relay_programs
import flow_figures
import results
import suites

LATE = ["--instances", "3", "--late", "5", "--own-late", "2", "--restart", "1"]


def days(program, seeds, modes, more=()):
    run = subprocess.run([program, "--seed", ",".join(map(str, seeds)), "--mode", modes, "--json", *more], capture_output=True,
                         text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def told(quality, oracle):
    """(text, holds) of the worst seed of each metric."""
    pairs = list(zip(quality, oracle))
    bad = max(one["bad_percent"] for one in quality)
    delay = max(one["m2e_ms"] / other["m2e_ms"] for one, other in pairs)
    stretch = max(one["stretch"] / other["stretch"] for one, other in pairs)
    over = max(one["overload_s"] - 3 * other["overload_s"] for one, other in pairs)
    moves, flaps = (max(one[key] for one in quality) for key in ("moves_per_1000", "flaps_per_1000"))
    changes = max(one["changes_per_1000"] for one in quality)
    holds = bad <= 1 and delay <= 1.03 and stretch <= 1.06 and over <= 60 and moves <= 60 and flaps <= 120
    return (f"{bad:.2f} %; {delay:.3f}; {stretch:.3f}; {over:.0f} s; {moves:.1f} / {flaps:.1f} "
            f"({changes:.0f} changes of path)"), holds


def world(options, table):
    before = results.load()
    program = suites.built("tests/policy_world", [options.build, *options.test_builds])
    if not program:
        return table.put("policy-world", "needs a build of policy_world", None, "tools/bench policy-world", before)
    seeds = range(1, 1 + (options.times if options.times < 50 else 6))
    oracle, nearest = days(program, seeds, "oracle"), days(program, seeds, "nearest")
    one, one_holds = told(days(program, seeds, "quality"), oracle)
    three, three_hold = told(days(program, seeds, "quality", LATE), oracle)
    usual = [one["bad_percent"] for one in nearest]
    text = f"worst of {len(seeds)} seeds: one {one}; three {three}; nearest alone has {min(usual):.1f} to {max(usual):.1f} % below 3.6"
    table.put("policy-world", text, one_holds and three_hold, f"tools/bench policy-world --times {len(seeds)}", before)


def bad_way(options, table):
    """The lab's talks on a way that begins to lose; the long form watches for ten minutes."""
    before = results.load()
    times = options.times if options.times < 50 else 1
    lines = []
    for number in range(times):
        flow = "way_bad10" if number == 0 else "way_bad"
        lines += flow_figures.run_lab(options.program, ["--only", flow, "--out", os.path.join(options.build, "bench-lab")])
        print(f"  {lines[-1]}" if lines else "  no answer", flush=True)
    if not lines or any(one.get("skipped") for one in lines):
        return table.put("way-bad", "the lab was skipped here", None, "tools/bench way-bad", before)
    slowest, flaps = max(one.get("moved_ms", 1e6) for one in lines), sum(one.get("flaps", 0) for one in lines)
    why = "; ".join(one["why"].split(" (logs in")[0][:160] for one in lines if one.get("why"))
    text = (f"{slowest / 1000:.1f} s, {sum(one.get('moved', 0) for one in lines):.0f} of {4 * len(lines)} talks in {len(lines)} runs / "
            f"{flaps:.0f}" + (f"; {why}" if why else ""))
    table.put("way-bad", text, all(one["passed"] for one in lines), f"tools/bench way-bad --times {times}", before)


def cost(options, table):
    before = results.load()
    program = suites.built("tests/bench_policy", [options.build, *options.test_builds])
    if not program:
        return table.put("policy-cost", "needs ninja bench_policy in an optimised build with tests", None, "tools/bench policy-cost", before)
    run = subprocess.run([program, "--benchmark_format=json"], capture_output=True, text=True, check=True)
    rows = {row["name"]: row for row in json.loads(run.stdout)["benchmarks"]}
    p99, rate = rows["decide"]["p99_us"], 1e9 / rows["decide"]["cpu_time"]
    share = rows["take_reports"]["cpu_time"] / 10  # ms of a second, in percent
    text = (f"{p99:.1f} µs (p50 {rows['decide']['p50_us']:.1f}); {rate:,.0f}; {share:.1f} %; with JSON both ways "
            f"{rows['answer_over_json']['cpu_time'] / 1000:.1f} µs an answer")
    table.put("policy-cost", text, p99 <= 50 and rate >= 100_000 and share <= 5, "tools/bench policy-cost", before)


def over_http(options, table):
    """Five rounds, the best counts: what disturbs makes it slower, never faster."""
    before = results.load()
    rate, seconds = 5000, options.seconds or 10
    load = relay_programs.built(options.build, "policy_load", "-lcrypto")
    rounds = []
    for _ in range(5):
        media_relays.wait_for_quiet(60)
        rounds.append(policy_http.latency(options.program, load, rate, seconds, 32))
    best = min(rounds, key=lambda one: one["p99_us"])
    failed = sum(one["failed"] for one in rounds)
    weight = policy_http.weight(options.program)
    each = ", ".join(f"{one['p99_us'] / 1000:.2f}" for one in rounds)
    text = (f"p50 {best['p50_us'] / 1000:.2f} ms, p99 {best['p99_us'] / 1000:.2f} ms (p99 of {len(rounds)} rounds of {seconds} s: "
            f"{each}), {failed} failed, {best['core_percent']:.0f} % of the core with "
            f"{policy_http.REGIONS * policy_http.GATEWAYS} reports a second beside; {weight:.0f} bytes a segment")
    holds = best["p50_us"] <= 300 and best["p99_us"] <= 2000 and failed == 0 and weight < 200
    table.put("policy-http", text, holds, "tools/bench policy-http", before)


def faults(options, table):
    """Calls set up while the policy servers are well, then in each bad state, against the well ones of the same run."""
    before = results.load()
    calls = options.times * 10  # 500 unless fewer are wanted
    run = subprocess.run([options.program, "lab", "policy-faults", "--json", "--calls", str(calls), "--out",
                          os.path.join(options.build, "bench-lab")], capture_output=True, text=True)
    if run.returncode == 77:
        return table.put("policy-faults", "the lab was skipped here", None, "tools/bench policy-faults", before)
    states = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    text = "; ".join(f"{one['state']}: {one['failed']} failed, p50 {one['p50_ms']:.0f} ms ({one['added_p50_ms']:+.1f}), p99 {one['p99_ms']:.0f} ms "
                     f"({one['added_p99_ms']:+.1f})" for one in states)
    holds = run.returncode == 0 and len(states) == 5 and calls >= 500
    command = "tools/bench policy-faults" + ("" if options.times == 50 else f" --times {options.times}")
    table.put("policy-faults", f"{calls} calls each; {text or run.stderr.strip()[-200:]}", holds, command, before)
