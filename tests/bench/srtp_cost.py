"""What SRTP adds to a relayed packet, from bench_srtp, and to a held call's memory: (figure, holds)."""
import json
import subprocess

import media_weight


def best_of(program, repetitions=7):
    """The least CPU time of each benchmark, in ns, and the least of a handshake's longest step, in µs."""
    run = subprocess.run([program, "--benchmark_format=json", "--benchmark_min_time=0.05",
                          f"--benchmark_repetitions={repetitions}", "--benchmark_enable_random_interleaving=true"],
                         capture_output=True, text=True, check=True)
    best = {}
    for one in json.loads(run.stdout)["benchmarks"]:
        if one.get("run_type") == "iteration":
            for name, figure in ((one["name"], one["cpu_time"]), ("step", one.get("longest_step_us"))):
                if figure is not None:
                    best[name] = min(figure, best.get(name, figure))
    return best


def measure(program):
    """Bound: a packet through SRTP and RTP costs at most twice OpenSSL's primitives and the relay."""
    best = best_of(program)
    primitives, relay = best["primitives/AEAD_AES_128_GCM"], best["relay/RTP to RTP"]
    to_rtp, to_srtp = best["relay/SRTP to RTP"], best["relay/RTP to SRTP"]
    bound = 2 * primitives + relay
    text = (f"SRTP to RTP {to_rtp:.0f} ns, RTP to SRTP {to_srtp:.0f} ns; relay {relay:.0f} + 2 x primitives "
            f"{primitives:.0f} = {bound:.0f} ns; a DTLS handshake holds up its thread for {best['step']:.0f} µs at a time")
    return text, max(to_rtp, to_srtp) <= bound


def weigh(program):
    """Bound: a call with SRTP on both legs weighs no more than rtpengine's without."""
    plain = media_weight.kib_a_call(program)
    keyed = media_weight.kib_a_call(program, is_protected=True)
    return f"{keyed:.1f} KiB, {plain:.1f} KiB without SRTP", keyed <= 42
