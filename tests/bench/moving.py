"""Rows of tests/moves: talks whose media moves, over every tier, judged by what their telephones hear."""
import concurrent.futures
import re
import subprocess

TIERS = ("simulated", "simulated-processing", "sockets", "range", "kernel", "processing")
RELAYS = ("simulated", "sockets", "range", "kernel")


def run(program, what, tiers, *more):
    """Each tier in a process of its own, two at a time: {tier: (exit code, what it printed)}."""
    def one(tier):
        done = subprocess.run([program, what, "--tier", tier, *more], capture_output=True, text=True)
        print(done.stdout, end="", flush=True)
        return tier, (done.returncode, done.stdout)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(pool.map(one, tiers))


def verdict(runs):
    """True when every tier was possible and held."""
    return None if any(code == 77 for code, _ in runs.values()) else all(code == 0 for code, _ in runs.values())


def talks(text):
    """The lines that judge something: (did it hold, the line)."""
    return [(line.startswith("ok"), line) for line in text.splitlines() if re.match(r"ok |FAIL", line)]


def numbers(pattern, text):
    return [[float(one) for one in (found if isinstance(found, tuple) else (found,))] for found in re.findall(pattern, text)]


def moves(runs):
    told = []
    for tier, (_, text) in runs.items():
        held = [holds for holds, _ in talks(text)]
        beyond = numbers(r"difference p50 (\d+) p99 (\d+) worst (\d+)", text)
        gaps = numbers(r"gap p50 \d+ p99 (\d+) worst (\d+) ms \(calm", text)
        breaks = numbers(r"breaks ssrc (\d+) seq (\d+) time (\d+) marker (\d+)", text)
        if not beyond:
            told.append(f"{tier}: not possible here")
            continue
        told.append(f"{tier}: {sum(held)} of {len(held)} talks hold, lost or doubled p50 {max(one[0] for one in beyond):.0f} "
                    f"p99 {max(one[1] for one in beyond):.0f} worst {max(one[2] for one in beyond):.0f}, "
                    f"{sum(map(sum, breaks)):.0f} breaks, longest gap {max(one[1] for one in gaps):.0f} ms "
                    f"(p99 {max(one[0] for one in gaps):.0f})")
    return "; ".join(told), verdict(runs)


def features(runs):
    told = []
    for tier, (_, text) in runs.items():
        found = re.search(r"removed (\d+) times \((\d+) from the kernel\): (\d+) frames heard, (\d+) lost or doubled, (\d+) breaks; "
                          r"(\d+) recordings lack at most ([\d.]+) ms at the start and (\d+) frames", text)
        told.append(f"{tier}: {found[4]} of {found[3]} frames lost or doubled, {found[6]} recordings lack at most {found[7]} ms"
                    + (f" and {found[8]} frames" if found[8] != "0" else "") if found else f"{tier}: not possible here")
    return "; ".join(told), verdict(runs)


def digits(runs):
    told = []
    for tier, (_, text) in runs.items():
        keys = numbers(r"(\d+) keys pressed around \d+ moves \(\d+ from the kernel\): (\d+) heard, (\d+) told", text)
        held = [holds for holds, _ in talks(text)]
        told.append(f"{tier}: {sum(one[0] for one in keys):.0f} pressed, {sum(one[1] for one in keys):.0f} heard, "
                    f"{sum(one[2] for one in keys):.0f} told, {sum(held)} of {len(held)} talks exact" if keys
                    else f"{tier}: not possible here")
    return "; ".join(told), verdict(runs)


def attacks(runs):
    told = []
    for tier, (_, text) in runs.items():
        injected = [int(one) for one in re.findall(r"(\d+) injected", text)]
        lost = sum(int(a) + int(b) for a, b in re.findall(r"heard, (\d+) lost, (\d+) heard twice", text))
        sent = re.search(r"(\d+) packets of (\d+) strangers: (\d+) came back", text)
        told.append(f"{tier}: of {sent[1]} packets {' / '.join(map(str, injected[:3]))} were heard ({injected[3]} where a stranger "
                    f"came first), {sent[3]} went to strangers, {lost} of the talks lost or doubled"
                    if sent and len(injected) == 4 else f"{tier}: not possible here")
    return "; ".join(told), verdict(runs)


def calls(runs):
    told = []
    for tier, (_, text) in runs.items():
        found = re.search(r"(\d+) calls in (\d+) s: (\d+) moves, (\d+) jobs.*left: (\d+) anchors, (\d+) flows, .* (\d+) descriptors; "
                          r"after .* calls heap (\d+), (\d+) and (\d+) KiB, resident (\d+), (\d+) and (\d+) KiB", text)
        told.append(f"{tier}: {found[1]} calls in {found[2]} s, {found[3]} moves, {found[4]} jobs; left {found[5]} anchors, {found[6]} "
                    f"flows, {found[7]} descriptors; after a tenth, half and all of them heap {found[8]}, {found[9]}, {found[10]} "
                    f"KiB, resident {found[11]}, {found[12]}, {found[13]} KiB" if found else f"{tier}: not possible here")
    faults = [line.rsplit("; ", 1)[-1] for _, text in runs.values() for holds, line in talks(text) if not holds]
    return "; ".join(told + faults), verdict(runs)


ROWS = {"moves": (moves, "moves", TIERS, ()),
        "moves-features": (features, "features", RELAYS, ("--between", "600")),
        "moves-digits": (digits, "digits", TIERS, ()),
        "moves-attacks": (attacks, "attacks", RELAYS, ()),
        "moves-calls": (calls, "calls", RELAYS, ())}


def measure(ident, program):
    """(figure, holds) of a row."""
    judge, what, tiers, more = ROWS[ident]
    return judge(run(program, what, tiers, *more))
