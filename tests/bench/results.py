"""The table of docs/benchmarks.md: one line a row of the platform's figures, kept between runs."""
import datetime
import os
import platform
import re

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEAD = ["| row | metric | bound | figure | holds | command | when, where |", "|---|---|---|---|---|---|---|"]


class Row:
    """One metric: its id, what it is, its bound in words."""

    def __init__(self, ident, metric, bound):
        self.ident, self.metric, self.bound = ident, metric, bound


ROWS = [
    Row("m1", "M1 mouth-to-ear at T = 300 ms minus at T = 0, local call", "<= 1 ms"),
    Row("cross", "RTP packets that cross regions while the plan is LOCAL", "0"),
    Row("m3-c5", "M3 answer to two-way local media, pre-armed (C5)", "<= 0.02 T + 10 ms"),
    Row("m3-c3", "M3 the same, router asked (C3)", "<= 1.05 T + 10 ms"),
    Row("m4", "M4 callee's speech lost at answer", "<= 1 packet"),
    Row("m5-armed", "M5 hang-up to next verb, continuation armed", "<= 30 ms"),
    Row("m5-asked", "M5 the same, router asked", "<= 1.05 T + w + 30 ms"),
    Row("m6", "M6 INVITE in to INVITE to callee", "<= 1.05 T + w + 15 ms"),
    Row("m7", "M7 packets lost or doubled per move", "0 at p50, <= 2 at p99"),
    Row("cpu", "gateway CPU per forwarded call set up and torn down, sipp at 500 cps", "<= 300 µs"),
    Row("rate", "highest rate without a failed call for 20 s, sipp on the same two cores", ">= 1000 cps"),
    Row("heap", "memory per held call on a gateway, after timers", "<= 8 KiB signalling + 8 KiB media"),
    Row("relay-cpu", "CPU of a core at 300 relayed G.711 calls against rtpengine in the same run: kernel / range / sockets",
        "<= 0.20 / <= 0.48 / <= 0.60"),
    Row("relay-delay", "added one-way delay p50 at 300 calls against rtpengine: kernel / range / sockets",
        "<= 0.3 / <= 0.6 / <= 0.6"),
    Row("relay-heap", "private memory a relayed call, two legs", "<= 8 KiB"),
    Row("srtp-cpu", "a packet between SRTP (AEAD_AES_128_GCM) and RTP in the engine, without sockets",
        "<= 2 x OpenSSL's primitives + the relay of a plain one"),
    Row("srtp-heap", "private memory a held call with SRTP on both legs", "<= 42 KiB, rtpengine's without SRTP"),
    Row("relay-growth", "CPU a call from 50 to 1000 calls: kernel, range, sockets", "within 1.5 x of flat"),
    Row("relay-bare", "kernel tier against a bare TC forwarder with the same rewriting, CPU at 1000 calls", "<= 1.3 x"),
    Row("relay-max", "most calls on one core, loss < 0.01 %, p99 < 5 ms, against rtpengine: kernel / range / sockets, or the "
        "generator's end", ">= 6 x / >= 2.8 x / >= 1.8 x"),
    Row("media-setups", "calls set up through the control API a second, against rtpengine's ng", ">= 3 x"),
    Row("transcode", "Opus to and from G.711 in the engine against the codec alone", "<= 1.15"),
    Row("transcode-heap", "private memory a transcoded call, Opus and G.711", "<= 96 KiB"),
    Row("mix", "mixing a member a frame, G.711 both ways", "<= 0.8 µs"),
    Row("room", "CPU of a core for a room of 100 that all speak G.711, sockets and all", "<= 25 %"),
    Row("tap", "taps put on a talk and taken off it 200 times, on each tier: packets of the talk lost or doubled", "0"),
    Row("moves", "200 moves in a talk at random times, each kind of move, 0, 80 and 150 ms of extra delay, 1 % loss, 20 ms jitter, "
        "each tier: lost or doubled frames a move beyond the paths' difference, header breaks, gap beyond a frame",
        "0 at p50, <= 2 at p99, 0 breaks, < 40 ms"),
    Row("moves-features", "a recorder added to a talk and removed 200 times, each tier: the talk's frames lost or doubled; what a "
        "recording lacks at its start", "0; <= 500 ms"),
    Row("moves-digits", "a key pressed within 150 ms of a move, 200 times a talk, each kind of move but DIRECT, each tier", "one digit each"),
    Row("moves-attacks", "strangers' packets heard on provider's / NAT / SRTP legs, each tier", "0 / <= 5 / 0"),
    Row("moves-calls", "20,000 calls with random moves and faults, each tier: anchors, ports, flows, descriptors left; memory",
        "0; level"),
    Row("torture", "RFC 4475 and RFC 5118 messages answered as the RFCs ask, UDP and TCP", "100 %"),
    Row("fuzz", "fuzz targets under asan", "0 findings in 10 min each"),
    Row("fuzz-media", "fuzz targets of what comes in at a media port and of its keys, under asan", "0 findings in 10 min each"),
    Row("sim", "simulator: seeds x flows; virtual to real time", ">= 200 x 12; >= 50 : 1"),
    Row("loss", "1000 set-ups under 5 % loss, 2 % duplication, 5 % reordering", ">= 99.9 %, none billed twice"),
    Row("policy-world", "days of the simulated world, one and three policy servers (5 s late, one restart): calls with MOS < 3.6; mouth-to-ear and "
        "path stretch against the oracle; overload; moves / flaps per 1000",
        "<= 1.0 %; <= 1.03; <= 1.06; <= 3 x oracle + 60 s; <= 60 / <= 120"),
    Row("way-bad", "5 % loss injected between two regions with live talks: until all go by a third region / back on the way that loses in the 10 min after",
        "<= 5 s / 0"),
    Row("policy-cost", "policy decision in process p99, decisions a second and core, 10,000 segment updates a second",
        "<= 50 µs; >= 100,000; <= 5 % of a core"),
    Row("policy-http", "policy decision over HTTP keep-alive at 5,000 a second, the server on one core: p50, p99; memory a segment",
        "<= 0.3 ms, <= 2 ms; < 200 bytes"),
    Row("probes", "STUN and OPTIONS that a gateway answers over UDP, a second of its core; its memory after five rounds, each OPTIONS on a branch of its own",
        ">= 100,000 / >= 20,000; level"),
    Row("policy-faults", "policy servers cut off, frozen, killed, answering garbage during 500 set-ups each: calls that fail; set-up time added at p50 and p99",
        "0; <= 50 ms"),
    Row("kill", "router, policy and application server killed in a local talk, 50 times",
        "gap <= 40 ms, talk goes on, billed once"),
    Row("nodes", "a talk's media node killed, the next one cut off; the same between two gateways",
        "heard again within 2000 ms; other calls <= 40 ms"),
]


def load():
    """The machine's load before a measurement, to be told with its figure."""
    return os.getloadavg()[0]


def where(load_before):
    model = "?"
    with open("/proc/cpuinfo") as info:
        found = re.search(r"model name\s*:\s*(.*)", info.read())
        if found:
            model = re.sub(r"\((R|TM)\)|CPU|Processor", "", found[1]).strip()
    with open("/proc/meminfo") as info:
        gib = int(info.readline().split()[1]) >> 20
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    kernel = ".".join(platform.release().split(".")[:2])
    text = f"{stamp}, {os.cpu_count()} cores {model}, {gib} GiB, Linux {kernel}"
    # What runs beside the measurement makes its figures worse, never better.
    return text + (f", other work beside it (load {load_before:.1f})" if load_before > 0.7 else "")


class Table:
    """Reads and rewrites the part of the document between the markers; the rest is written by hand."""

    def __init__(self, path):
        self.path = path
        self.read()

    def read(self):
        path = self.path
        self.text = open(path).read() if os.path.exists(path) else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
        self.kept = {}
        inside = self.text[self.text.index(BEGIN):self.text.index(END)]
        for line in inside.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 7 and cells[0] not in ("row", "---"):
                self.kept[cells[0]] = cells

    def put(self, ident, figure, holds, command, load_before):
        """`holds`: True, False, or None when it could not be measured."""
        self.read()  # another run may have written meanwhile
        row = next(row for row in ROWS if row.ident == ident)
        word = {True: "yes", False: "**no**", None: "not measured"}[holds]
        clean = figure.replace("|", "/").replace("\n", " ")
        self.kept[ident] = [ident, row.metric, row.bound, clean, word, f"`{command}`", where(load_before)]
        self.write()
        print(f"{ident:9} {clean}  (bound {row.bound}: {word})", flush=True)

    def write(self):
        lines = [BEGIN, *HEAD]
        for row in ROWS:
            cells = self.kept.get(row.ident, [row.ident, "", "", "", "not measured", f"`tools/bench {row.ident}`", ""])
            cells[1:3] = [row.metric, row.bound]
            lines.append("| " + " | ".join(cells) + " |")
        begin, end = self.text.index(BEGIN), self.text.index(END)
        self.text = self.text[:begin] + "\n".join(lines) + "\n" + self.text[end:]
        with open(self.path, "w") as out:
            out.write(self.text)
