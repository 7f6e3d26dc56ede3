"""What SRTP adds to a relayed packet, from bench_srtp: (figure, holds)."""
import json
import subprocess


def best_of(program, repetitions=7):
    """The least CPU time of each benchmark, in ns."""
    run = subprocess.run([program, "--benchmark_format=json", "--benchmark_min_time=0.05",
                          f"--benchmark_repetitions={repetitions}", "--benchmark_enable_random_interleaving=true"],
                         capture_output=True, text=True, check=True)
    best = {}
    for one in json.loads(run.stdout)["benchmarks"]:
        if one.get("run_type") == "iteration":
            best[one["name"]] = min(one["cpu_time"], best.get(one["name"], one["cpu_time"]))
    return best


def measure(program):
    """Bound: a packet through SRTP and RTP costs at most twice OpenSSL's primitives and the relay."""
    best = best_of(program)
    primitives, relay = best["primitives/AEAD_AES_128_GCM"], best["relay/RTP to RTP"]
    to_rtp, to_srtp = best["relay/SRTP to RTP"], best["relay/RTP to SRTP"]
    bound = 2 * primitives + relay
    text = (f"SRTP to RTP {to_rtp:.0f} ns, RTP to SRTP {to_srtp:.0f} ns; relay {relay:.0f} + 2 x primitives "
            f"{primitives:.0f} = {bound:.0f} ns")
    return text, max(to_rtp, to_srtp) <= bound
