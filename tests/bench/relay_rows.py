"""The rows of docs/benchmarks.md that compare relays, from the programs that measure them."""
import json
import os
import subprocess
import sys

import relay_plot
import results

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROWTH = (10, 50, 100, 300, 600, 1000)
OURS = ("kernel", "range", "sockets")
BOUNDS = {"relay-cpu": {"kernel": 0.20, "range": 0.48, "sockets": 0.60},
          "relay-delay": {"kernel": 0.3, "range": 0.6, "sockets": 0.6},
          "relay-max": {"kernel": 6, "range": 2.8, "sockets": 1.8}}
MISSING = "rtpengine or network namespaces are missing here"


def run(script, options, *words):
    command = [sys.executable, os.path.join(ROOT, "tests/bench", script), "--json", "--program", options.program, *words]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def noise_of(rows):
    return f"others up to {max(row['noise'] for row in rows):.0f} %"


def compare(options, table):
    """All relays from 10 to 1000 calls: four rows, the table and the plot."""
    before = results.load()
    told = run("media_relays.py", options, "--calls", ",".join(map(str, GROWTH)), "--seconds", str(options.seconds or 10))
    rows = [row for row in told if row.get("relay") not in (None, "direct")]
    ratios = {one["ratio"]["relay"]: one["ratio"] for one in told if one.get("ratio", {}).get("calls") == 300}
    if not ratios:
        for ident in ("relay-cpu", "relay-delay", "relay-heap", "relay-growth"):
            table.put(ident, MISSING, None, "tools/bench relay", before)
        return
    at_300 = {row["relay"]: row for row in rows if row["calls"] == 300}
    awake = [row for row in run("media_relays.py", options, "--calls", "300", "--relays", "rtpengine-awake", "--seconds",
                                str(options.seconds or 10)) if row.get("relay") == "rtpengine-awake"]
    at_300.update({row["relay"]: row for row in awake})
    for ident, key, part, unit in (("relay-cpu", "cpu", "cpu", "%"), ("relay-delay", "added_us", "p50_added", "µs")):
        parts = {name: one[part] for name, one in ratios.items()}
        figures = ", ".join(f"{name} {row[key]:.1f}" for name, row in at_300.items())
        text = " / ".join(f"{parts.get(name)}" for name in OURS) + f" ({figures} {unit}; {noise_of(at_300.values())})"
        holds = all(name in parts and parts[name] <= most for name, most in BOUNDS[ident].items())
        table.put(ident, text, holds, "tools/bench relay", before)
    heap(table, rows, before)
    growth(table, rows, before)
    relay_plot.draw(rows)
    write_table(table.path, rows)


def heap(table, rows, before):
    """What a call more takes, from the slope; beside it what 300 calls take with what they share."""
    held = {}
    for row in rows:
        if "kib_per_call" in row and row["calls"] >= 100:
            held.setdefault(row["relay"], {})[row["calls"]] = row["kib_per_call"] * row["calls"]
    kib = {}
    for name, by_calls in held.items():
        first, last = min(by_calls), max(by_calls)
        if last > first:
            kib[name] = (by_calls[last] - by_calls[first]) / (last - first)
    text = ", ".join(f"{name} {one:.1f} KiB" + (f" (at 300 calls {held[name][300] / 300:.1f})" if 300 in held[name] else "")
                     for name, one in kib.items())
    holds = bool(kib) and all(kib[name] <= 8 for name in OURS if name in kib)
    table.put("relay-heap", text + ", under load: a call more from 100 to 1000 calls", holds, "tools/bench relay", before)


def growth(table, rows, before):
    """What a call costs with 50 calls and with 1000, from the slopes: a call more, not a process that runs anyway."""
    told, worst = [], 0
    for name in OURS:
        cost = {row["calls"]: row["cpu"] / row["calls"] for row in rows if row["relay"] == name and row["calls"] >= 50}
        if len(cost) < 2:
            continue
        spread = max(cost.values()) / min(cost.values())
        worst = max(worst, spread)
        told.append(f"{name} " + ", ".join(f"{cost[calls] * 1000:.0f}" for calls in sorted(cost)) + f" ({spread:.2f} x)")
    calls = ", ".join(str(one) for one in GROWTH if one >= 50)
    table.put("relay-growth", f"{'; '.join(told)} (thousandths of a percent of a core, a call, at {calls} calls)",
              bool(told) and worst <= 1.5, "tools/bench relay", before)


def write_table(path, rows):
    """All that was measured, between markers of its own."""
    begin, end = "<!-- relays: begin -->", "<!-- relays: end -->"
    text = open(path).read()
    if begin not in text:
        return
    lines = [begin, "| calls | relay | CPU of a core | softirq in it | added p50 | p99 | lost | KiB a call |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['calls']} | {row['relay']} | {row['cpu']:.2f} % | {row['softirq']:.1f} % | {row['added_us']:.1f} µs | "
                     f"{row['p99_us']:.0f} µs | {row['lost']} of {row['sent']} | {row.get('kib_per_call', 0):.1f} |")
    with open(path, "w") as out:
        out.write(text[:text.index(begin)] + "\n".join(lines) + "\n" + text[text.index(end):])


def bare(options, table):
    before = results.load()
    told = [row for row in run("media_relays.py", options, "--calls", "1000,1000,1000", "--relays", "bare,kernel", "--warmup", "12")
            if row.get("relay") in ("bare", "kernel")]
    cpu = {name: sorted(row["cpu"] for row in told if row["relay"] == name) for name in ("bare", "kernel")}
    if not all(cpu.values()):
        table.put("relay-bare", "BPF or network namespaces are missing here", None, "tools/bench relay-bare", before)
        return
    middle = {name: values[len(values) // 2] for name, values in cpu.items()}
    table.put("relay-bare", f"{middle['kernel'] / middle['bare']:.2f} x (kernel {middle['kernel']:.1f} %, bare {middle['bare']:.1f} % of a "
              f"core with 1000 calls, the middle of {len(cpu['bare'])} runs; {noise_of(told)})",
              middle["kernel"] <= 1.3 * middle["bare"], "tools/bench relay-bare", before)


def most(options, table):
    before = results.load()
    told = [one["most"] for one in run("media_relays.py", options, "--search", "400", "--seconds", "3") if "most" in one]
    found = {one["relay"]: one for one in told}
    if not found.get("rtpengine", {}).get("calls"):
        table.put("relay-max", MISSING, None, "tools/bench relay-max", before)
        return
    theirs = found["rtpengine"]["calls"]
    words, holds = [f"rtpengine {theirs}"], True
    for name in OURS:
        one = found.get(name)
        if not one:
            holds = False
            continue
        is_our_end = one["ended_by"] == "the relay"
        holds = holds and (one["calls"] >= BOUNDS["relay-max"][name] * theirs or not is_our_end)
        words.append(f"{name} {one['calls']} ({one['calls'] / theirs:.1f} x, {one['cpu']:.0f} % of the core"
                     + ("" if is_our_end else f"; ended by {one['ended_by']}, {one['direct']} without a relay") + ")")
    table.put("relay-max", ", ".join(words), holds, "tools/bench relay-max", before)


def setups(options, table):
    before = results.load()
    rows = {row["relay"]: row for row in run("media_setups.py", options)}
    if "rtpengine" not in rows or "auto" not in rows:
        table.put("media-setups", MISSING, None, "tools/bench media-setups", before)
        return
    theirs = rows["rtpengine"]["set_ups_per_s"]
    words = [f"{name} {row['set_ups_per_s']} a second ({row['set_ups_per_s'] / theirs:.1f} x), {row['cpu_us']:.0f} µs CPU each"
             for name, row in rows.items()]
    table.put("media-setups", "; ".join(words) + f"; {noise_of(rows.values())}",
              rows["auto"]["set_ups_per_s"] >= 3 * theirs and rows["auto"]["failed"] == 0, "tools/bench media-setups", before)
