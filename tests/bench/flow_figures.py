"""The lab's flows over several round-trip times, judged: lines through the figures, their slopes and intercepts."""
import json
import math
import subprocess

MEDIA_MOVES = ("f3", "f3local")


def run_lab(program, arguments, on_line=lambda line: None):
    """The lab's JSON objects, one a flow and round-trip time."""
    lab = subprocess.Popen([program, "lab", "flows", "--json", *arguments], stdout=subprocess.PIPE, text=True)
    results = []
    for line in lab.stdout:
        if line.startswith("{"):
            results.append(json.loads(line))
            on_line(results[-1])
    lab.wait()
    return results


def points(results, flow, metric, is_good_only=True):
    """(T, value) of the measuring phones; runs that broke down say nothing about the time."""
    return sorted((one["rtt_ms"], one[metric]) for one in results
                  if one["flow"] == flow and one.get("phones") == "exact" and metric in one)


def fit(pairs):
    """Least squares: slope and intercept; a single T gives no slope."""
    count = len(pairs)
    mean_t = sum(t for t, _ in pairs) / count
    mean_y = sum(y for _, y in pairs) / count
    spread = sum((t - mean_t) ** 2 for t, _ in pairs)
    slope = sum((t - mean_t) * (y - mean_y) for t, y in pairs) / spread if spread else 0.0
    return slope, mean_y - slope * mean_t


def on_line(results, flow, metric, slope_most, intercept_most, has_application=False):
    """Every point under the bound's line; the figure tells the fitted line and the points."""
    pairs = points(results, flow, metric)
    if not pairs:
        return None
    waits = dict(points(results, flow, "w_ms")) if has_application else {}
    line = fit(pairs)
    holds = all(y <= slope_most * t + intercept_most + waits.get(t, 0) for t, y in pairs)
    told = ", ".join(f"{y:.1f} at {t:g}" for t, y in pairs)
    wait = f", w up to {max(waits.values()):.1f} ms" if waits else ""
    return f"{line[0]:.3f} T + {line[1]:.1f} ms (ms at T: {told}){wait}", holds


def independence(results, flow="f1"):
    pairs = dict(points(results, flow, "m2e_ms"))
    if len(pairs) < 2:
        return None
    near, far = min(pairs), max(pairs)
    grown = pairs[far] - pairs[near]
    return f"{grown:+.2f} ms ({pairs[near]:.2f} at T = {near:g}, {pairs[far]:.2f} at T = {far:g})", grown <= 1.0


def most(results, flows, metric, bound, unit):
    values = [y for flow in flows for _, y in points(results, flow, metric)]
    if not values:
        return None
    return f"at most {max(values):g} {unit} in {len(values)} runs ({', '.join(flows)})", max(values) <= bound


def moves(results):
    """The flow tells the median and the worst of its moves; with this few, the worst stands for p99."""
    runs = [one for flow in MEDIA_MOVES for one in results
            if one["flow"] == flow and one.get("phones") == "exact" and "m7_max" in one]
    if not runs:
        return None
    middle, worst = max(one["m7_p50"] for one in runs), max(one["m7_max"] for one in runs)
    count = int(sum(one.get("moves", 0) for one in runs))
    return f"p50 {middle:g}, worst {worst:g} of {count} moves ({', '.join(MEDIA_MOVES)})", middle <= 0 and worst <= 2


def judge(results):
    """Row id to (figure, holds), or None where no run gave the figure."""
    local = ("f1", "f1x", "f4", "f3local")
    return {
        "m1": independence(results),
        "cross": most(results, local, "cross_region_rtp", 0, "packets"),
        "m3-c5": on_line(results, "f1", "m3_ms", 0.02, 10),
        "m3-c3": on_line(results, "f1ask", "m3_ms", 1.05, 10),
        "m4": most(results, ("f1", "f4"), "m4_packets", 1, "packets"),
        "m5-armed": on_line(results, "f3local", "m5_ms", 0, 30),
        "m5-asked": on_line(results, "f3ask", "m5_ms", 1.05, 30, has_application=True),
        "m6": on_line(results, "f1", "m6_ms", 1.05, 15, has_application=True),
        "m7": moves(results),
    }


def complaints(results):
    """What did not pass, in short."""
    return [f"{one['flow']} T={one.get('rtt_ms', 0):g}: {one.get('why', '')[:160]}"
            for one in results if not one.get("passed") and not one.get("skipped")]


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


def kill_runs(program, rtt, times, directory):
    """The kill flow again and again: (runs, runs that passed, widest gaps, reasons)."""
    gaps, reasons, passed = [], [], 0
    for number in range(times):
        results = run_lab(program, ["--only", "kill", "--rtt", str(rtt), "--out", directory])
        one = results[0] if results else {"passed": False, "why": "the lab said nothing"}
        if one.get("skipped"):
            return None
        passed += bool(one["passed"])
        if "gap_ms" in one:
            gaps.append(one["gap_ms"])
        if not one["passed"]:
            reasons.append(one.get("why", "").split(" (logs in")[0][:120])
        print(f"kill {number + 1}/{times}: {'passed' if one['passed'] else 'FAILED'} "
              f"gap {one.get('gap_ms', float('nan')):.1f} ms {one.get('why', '')[:120]}", flush=True)
    return passed, gaps, reasons


def node_runs(program, times, directory):
    """The flows of lost media nodes again and again: (runs that passed, {figure: values}, reasons)."""
    figures, reasons, passed = {}, [], 0
    for number in range(times):
        results = run_lab(program, ["--only", "node_lost,node_far", "--rtt", "100", "--out", directory])
        if any(one.get("skipped") for one in results):
            return None
        is_whole = len(results) == 2 and all(one["passed"] for one in results)
        passed += is_whole
        for one in results:
            for name, value in one.items():
                if name.endswith("gap_ms"):
                    figures.setdefault(f"{one['flow']} {name}", []).append(value)
            if not one["passed"]:
                reasons.append(one.get("why", "").split(" (logs in")[0][:160])
        print(f"nodes {number + 1}/{times}: {'passed' if is_whole else 'FAILED ' + (reasons or ['no answer'])[-1]}", flush=True)
    return passed, figures, reasons
