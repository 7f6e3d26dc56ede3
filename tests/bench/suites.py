"""Rows that a test program measures: the torture messages, the fuzz targets, the simulator."""
import concurrent.futures
import glob
import os
import re
import subprocess


def built(name, directories):
    """The newest of the programs of this name."""
    found = [path for directory in directories for path in glob.glob(os.path.join(directory, name))]
    return max(found, key=os.path.getmtime) if found else None


def torture(program):
    """The torture test case alone: (figure, holds); None when the messages are not there."""
    run = subprocess.run([program, "--test-case=*orture*,*RFC 4475*,*RFC 5118*"], capture_output=True, text=True)
    text = run.stdout + run.stderr
    if "SKIP" in text.upper().replace("SKIPPED", "SKIP") and re.search(r"\bSKIP(PED)?:", text):
        return None
    cases = re.search(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", text)
    checks = re.search(r"assertions:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", text)
    if not cases or not checks or int(cases[1]) == 0:
        return None
    counted = re.findall(r"^torture: .*$", text, re.MULTILINE)
    figure = f"{cases[2]} of {cases[1]} test cases, {checks[2]} of {checks[1]} checks hold"
    return "; ".join([figure, *counted]), run.returncode == 0


def taps(program, times=200):
    """So many taps in one talk on real sockets, on each tier that is possible here: (figure, holds)."""
    run = subprocess.run([program, "--test-case=tiers: a tap*"], capture_output=True, text=True,
                         env={**os.environ, "NEAREND_TAPS": str(times)})
    is_whole = "SKIP" not in run.stdout
    tiers = "sockets, range and kernel" if is_whole else "sockets (the others need root)"
    missed = re.findall(r"CHECK\( (\d+) == 0 \)", run.stdout)
    lost = sum(int(one) for one in missed)
    return f"{lost} of two phones' speech, {times} taps on each of {tiers}", run.returncode == 0 and is_whole


def fuzz_one(program, seconds, corpus):
    os.makedirs(corpus, exist_ok=True)
    prefix = os.path.join(corpus, "..", os.path.basename(program) + "-")
    run = subprocess.run(
        [program, corpus, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
         f"-artifact_prefix={prefix}", "-print_final_stats=1"], capture_output=True, text=True, errors="replace")
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", run.stderr)
    return os.path.basename(program), run.returncode, int(executed[1]) if executed else 0, run.stderr[-1500:]


def fuzz(directory, seconds, workers, only=()):
    """Every target of an asan build, or those of these names: (figure, holds)."""
    programs = sorted(path for path in glob.glob(os.path.join(directory, "fuzz_*")) if os.access(path, os.X_OK)
                      and os.path.isfile(path) and (not only or os.path.basename(path) in only))
    if not programs:
        return None
    results = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        corpora = os.path.join(directory, "bench-corpus")
        futures = [pool.submit(fuzz_one, path, seconds, os.path.join(corpora, os.path.basename(path)))
                   for path in programs]
        for future in concurrent.futures.as_completed(futures):
            results.append(future.result())
            name, code, count, tail = results[-1]
            print(f"{name:24} {count:>12,} inputs  {'clean' if code == 0 else 'FOUND'}", flush=True)
            if code != 0:
                print(tail, flush=True)
    found = [name for name, code, _, _ in results if code != 0]
    total = sum(count for _, _, count, _ in results)
    figure = f"{len(found)} findings in {len(results)} targets, {seconds} s each, {total:,} inputs"
    return figure + (f": {', '.join(found)}" if found else ""), not found and seconds >= 600


def simulator(program):
    """The simulator's flows and its set-ups on bad links: (flows, loss), each (figure, holds) or None."""
    run = subprocess.run([program], capture_output=True, text=True)
    flows = re.findall(r"^(\S+)\s+(\d+) seeds, (\d+) failed,.* in ([\d.]+) s, (\d+):1$", run.stdout, re.MULTILINE)
    set_ups = re.search(r"^set-ups at .*: (\d+) of (\d+) succeeded.*$", run.stdout, re.MULTILINE)
    told = None
    if flows:
        seeds, failed = min(int(one[1]) for one in flows), sum(int(one[2]) for one in flows)
        ratio, seconds = min(int(one[4]) for one in flows), sum(float(one[3]) for one in flows)
        figure = f"at least {seeds} seeds x {len(flows)} flows, {failed} failed; slowest flow {ratio} : 1; {seconds:.0f} s"
        told = figure, failed == 0 and seeds >= 200 and len(flows) >= 12 and ratio >= 50
    return told, set_ups and (set_ups[0], run.returncode == 0 and int(set_ups[1]) >= 0.999 * int(set_ups[2]))
