#!/usr/bin/env python3
"""Softphones of baresip at both ends of forwarded calls: each codec passed through, and each coded into G.711.

  codec_matrix.py NEAREND                       every codec over RTP, both kinds of call
  codec_matrix.py NEAREND --transport sdes      the same with SRTP (rtp, sdes, dtls)
  codec_matrix.py NEAREND --short               what ctest runs
  codec_matrix.py NEAREND opus/48000/2 G722     these codecs; --list names them
  codec_matrix.py NEAREND --direct              the phones call each other: what they do to the sound themselves

Both phones speak a tone that rises by 1000 Hz a second, so that each moment of what was heard tells which moment of what
was said it is; what only knows voices gets bursts of one, whose beginnings are told apart from the pauses. Bounds: slip (how far that shifts within a call)
<= 20 ms, gap (without the tone) <= 40 ms. Where the speaking phone's own microphone has slipped before it coded, that is told beside it.
Exit code 77: baresip is not installed, or has no network to speak over.
"""
import argparse
import array
import concurrent.futures
import glob
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave

MODULES = "/usr/lib/baresip/modules"
TALK_SECONDS = 4.0
SLIP_MS, GAP_MS = 20, 40
LANE_PORTS = 40
BEGIN_SECONDS = 1.6  # until both hear each other, DTLS and a busy machine included


class Transport:
    """How the phones protect their media, and what the gateway's provider says of it."""

    def __init__(self, gateway, modules=(), account=""):
        self.gateway, self.modules, self.account = gateway, modules, account


TRANSPORTS = {
    "rtp": Transport("off"),
    "sdes": Transport("required", ("srtp.so",), ";mediaenc=srtp-mand"),
    "dtls": Transport("dtls", ("dtls_srtp.so",), ";mediaenc=dtls_srtp"),
}


class Codec:
    """`name`: as in the gateway's setting; `phone`: as in baresip's account; `rate`: of the phone's samples.
    `is_coded`: the gateway can turn it into G.711. `is_vocoder`: knows only voices, so it gets bursts of one."""

    def __init__(self, name, phone, module, rate, is_coded=False, is_vocoder=False, config=""):
        self.name, self.phone, self.module, self.rate = name, phone, module, rate
        self.is_coded, self.is_vocoder, self.config = is_coded, is_vocoder, config


CODECS = [
    Codec("PCMU", "PCMU/8000/1", "g711.so", 8000),
    Codec("PCMA", "PCMA/8000/1", "g711.so", 8000, is_coded=True),
    Codec("G722", "G722/16000/1", "g722.so", 16000, is_coded=True),
    Codec("opus", "opus/48000/2", "opus.so", 48000, is_coded=True, config="opus_stereo no\nopus_sprop_stereo no\n"),
    Codec("L16", "L16/16000/1", "l16.so", 16000, is_coded=True),
    Codec("AMR", "AMR/8000/1", "amr.so", 8000, is_coded=True),
    Codec("AMR-WB", "AMR-WB/16000/1", "amr.so", 16000),
    Codec("GSM", "GSM/8000/1", "gsm.so", 8000, is_coded=True),
    Codec("G726-40", "G726-40/8000/1", "g726.so", 8000),
    Codec("G726-32", "G726-32/8000/1", "g726.so", 8000),
    Codec("G726-24", "G726-24/8000/1", "g726.so", 8000),
    Codec("G726-16", "G726-16/8000/1", "g726.so", 8000),
    Codec("L16/8000", "L16/8000/1", "l16.so", 8000, is_coded=True),
    Codec("L16/32000", "L16/32000/1", "l16.so", 32000, is_coded=True),
    Codec("L16/48000", "L16/48000/1", "l16.so", 48000),
    Codec("CODEC2/8000", "CODEC2/8000/1", "codec2.so", 8000, is_vocoder=True),
    Codec("aptx/48000/2", "aptx/48000/2", "aptx.so", 48000),
    Codec("MPA/90000", "MPA/48000/1", "mpa.so", 48000),
]
PCMU = CODECS[0]
SHORT = (("opus", True), ("G722", False))

LOW_HZ, HIGH_HZ, RISE = 500.0, 3000.0, 1000.0  # the tone, and how much it rises in a second
PERIOD = (HIGH_HZ - LOW_HZ) / RISE
WINDOW_MS, HOP_MS = 20, 5
BURST_MS, PAUSE_MS, VOICE_HZ = 300, 100, 140  # for vocoders
SMEAR_MS = 20                                 # so much longer or shorter a vocoder's frame makes a pause


def rising_tone(rate, count):
    samples, phase = array.array("h"), 0.0
    for i in range(count):
        phase += (LOW_HZ + RISE * ((i / rate) % PERIOD)) * 2 * math.pi / rate
        samples.append(int(9000 * math.sin(phase)))
    return samples


def bursts_of_voice(rate, count):
    cycle = rate // VOICE_HZ
    one = [sum(math.sin(2 * math.pi * k * i / cycle) / k for k in range(1, 16)) for i in range(cycle)]
    on, whole = rate * BURST_MS // 1000, rate * (BURST_MS + PAUSE_MS) // 1000
    return array.array("h", (int(5000 * one[i % cycle]) if i % whole < on else 0 for i in range(count)))


def write_marker(path, codec, seconds):
    samples = (bursts_of_voice if codec.is_vocoder else rising_tone)(codec.rate, int(seconds * codec.rate))
    rate = codec.rate
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


def read_samples(paths):
    rate, samples = 8000, array.array("h")
    for path in paths:
        with wave.open(path, "rb") as source:
            rate, channels = source.getframerate(), source.getnchannels()
            piece = array.array("h", source.readframes(source.getnframes()))
            samples.extend(piece[::channels])
    return rate, samples


def pitch(samples, start, count, rate):
    """Of a tone: from the first to the last of its zero crossings; None where there is none to be heard."""
    first = last = None
    crossings, loudest, previous = 0, 0, samples[start]
    for i in range(start + 1, start + count):
        value = samples[i]
        loudest = max(loudest, abs(value))
        if previous < 0 <= value:
            at = i - value / (value - previous)
            if first is None:
                first = at
            else:
                crossings += 1
            last = at
        previous = value
    if loudest < 1000 or crossings < 4:
        return None
    return crossings * rate / (last - first)


def examine(samples, rate):
    """(seconds heard, slip in ms, longest gap in ms) of the rising tone in what a phone has heard."""
    window, hop = rate * WINDOW_MS // 1000, rate * HOP_MS // 1000
    offsets, heard, gap, longest = [], 0, 0, 0
    for number, start in enumerate(range(0, len(samples) - window, hop)):
        hz = pitch(samples, start, window, rate)
        if hz is None or not LOW_HZ - 100 < hz < HIGH_HZ + 100:
            gap += HOP_MS if heard else 0
            continue
        heard += 1
        longest, gap = max(longest, gap), 0
        # Near the fall a window holds both ends of the rise.
        if LOW_HZ + 60 < hz < HIGH_HZ - 60:
            offsets.append((hz - LOW_HZ) / RISE * 1000 - number * HOP_MS)
    return heard * HOP_MS / 1000, slip_of(offsets, PERIOD * 1000), max(0, longest - WINDOW_MS)


def examine_bursts(samples, rate):
    """The same of bursts of voice."""
    hop = rate * HOP_MS // 1000
    levels = [sum(abs(value) for value in samples[start:start + hop]) / hop
              for start in range(0, len(samples) - hop, hop)]
    loud = sorted(levels)[len(levels) * 3 // 4] if levels else 0
    if loud < 300:
        return 0.0, None, None
    begins, heard, quiet, longest = [], 0, 0, 0
    for number, level in enumerate(levels):
        if level < loud / 4:
            quiet += 1
            continue
        if quiet * HOP_MS > PAUSE_MS / 2:
            begins.append(float(-number * HOP_MS))
        longest, quiet = max(longest, quiet if heard else 0), 0
        heard += 1
    seconds = heard * HOP_MS / 1000 * (BURST_MS + PAUSE_MS) / BURST_MS
    slip = slip_of(begins[1:], BURST_MS + PAUSE_MS, 3)
    return seconds, slip, max(0, longest * HOP_MS - PAUSE_MS - SMEAR_MS)


def slip_of(offsets, period, size=21):
    """How far offsets shift, round a circle of `period`; single ones can be wrong (a codec's noise), a slip stays."""
    if len(offsets) < size:
        return None
    first, half = offsets[len(offsets) // 2], period / 2
    shifts = [(value - first + half) % period - half for value in offsets]
    smooth = [sorted(shifts[i:i + size])[size // 2] for i in range(0, len(shifts) - size + 1, size)]
    return max(smooth) - min(smooth)


class Phone:
    """One baresip: a directory of its own, one codec, a microphone, a control connection."""

    def __init__(self, work, name, user, port, codec, transport):
        self.directory = os.path.join(work, name)
        self.port, self.codec, self.name = port, codec, name
        os.makedirs(self.directory)
        write_marker(os.path.join(self.directory, "microphone.wav"), codec, TALK_SECONDS + 20)
        modules = ["cons.so", codec.module, "sndfile.so", "aufile.so", "aubridge.so", *transport.modules]
        self.write("config", f"""poll_method epoll
sip_listen 127.0.0.1:{port}
call_local_timeout 60
audio_buffer 20-160
audio_source aufile,{self.directory}/microphone.wav
audio_player aubridge,unheard
audio_alert aubridge,unheard
ausrc_srate {codec.rate}
auplay_srate {codec.rate}
ausrc_channels 1
auplay_channels 1
audio_txmode thread
rtp_ports {port + 10}-{port + 29}
rtcp_mux no
jitter_buffer_delay 3-10
{codec.config}module_path {MODULES}
{"".join(f"module {module}{chr(10)}" for module in modules)}module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
cons_listen 127.0.0.1:{port + 4}
ctrl_tcp_listen 127.0.0.1:{port + 3}
snd_path {self.directory}
ringback_disabled yes
""")
        self.write("accounts", f"<sip:{user}@127.0.0.1:{port}>;regint=0;answermode=auto;"
                               f"audio_codecs={codec.phone}{transport.account}\n")
        self.write("contacts", "")
        self.buffer = b""
        with open(os.path.join(self.directory, "log"), "w") as log:
            self.process = subprocess.Popen(["baresip", "-f", self.directory], stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, cwd=self.directory)
        self.control = self.connect()

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as out:
            out.write(text)

    def connect(self):
        until = time.monotonic() + 15
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port + 3), timeout=1)
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} did not start: {self.told()}")
                time.sleep(0.02)

    def told(self):
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            return " / ".join(log.read().strip().splitlines()[-6:])

    def command(self, name, parameters=""):
        text = json.dumps({"command": name, "params": parameters, "token": "matrix"})
        self.control.sendall(f"{len(text)}:{text},".encode())

    def wait_event(self, kinds, seconds):
        """The first event of these kinds; RuntimeError after `seconds` or when the phone hangs up."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            colon = self.buffer.find(b":")
            size = int(self.buffer[:colon]) if colon > 0 else 0
            if colon > 0 and len(self.buffer) >= colon + size + 2:
                event = json.loads(self.buffer[colon + 1:colon + 1 + size])
                self.buffer = self.buffer[colon + size + 2:]
                if event.get("type") in kinds:
                    return event
                continue
            self.control.settimeout(0.2)
            try:
                piece = self.control.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                break
            self.buffer += piece
        raise RuntimeError(f"{self.name}: none of {', '.join(kinds)} came: {self.told()}")

    def heard(self):
        return read_samples(sorted(glob.glob(os.path.join(self.directory, "dump-*-dec.wav"))))

    def said(self):
        """What it took from its microphone and coded."""
        return read_samples(sorted(glob.glob(os.path.join(self.directory, "dump-*-enc.wav"))))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Gateway:
    """One gateway; lane n forwards +1555030n to the phone on that lane's port. The phones write the machine's own address
    into their descriptions and send from loopback, where the gateway is."""

    def __init__(self, program, work, base, lanes, codecs, transport):
        self.base = base
        names = ", ".join(f'"{codec.name}"' for codec in codecs)
        text = f"""http_listen = "127.0.0.1:{base + 3}"
[media]
port_first = {base + 1000}
port_last = {base + 1399}
recordings = "{work}/recordings"
tiers = "sockets"
[gateway]
name = "gw"
journal_path = "{work}/journal"
codecs = [{names}]
[[gateway.listen]]
protocol = "udp"
local = "127.0.0.1:{base}"
[[gateway.link_listen]]
protocol = "tcp"
local = "127.0.0.1:{base + 1}"
"""
        for lane in range(lanes):
            text += f"""[[gateway.number]]
value = "+1555030{lane}"
account_sid = "AC000000000000000000000000000000aa"
kind = "forward"
forward_to = "+1555020{lane}"
[[gateway.provider]]
name = "carrier{lane}"
addresses = ["127.0.0.0/8"]
media_networks = ["127.0.0.0/8"]
prefixes = ["+1555020{lane}"]
options_ping = "0s"
srtp = "{transport.gateway}"
[[gateway.provider.target]]
host = "127.0.0.1"
port = {callee_port(base, lane)}
"""
        config = os.path.join(work, "gateway.toml")
        with open(config, "w") as out:
            out.write(text)
        self.log = os.path.join(work, "gateway.log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, "gateway", "--config", config], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while "ready" not in self.told():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the gateway did not start: {self.told()[-2000:]}")
            time.sleep(0.02)

    def told(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def callee_port(base, lane):
    return base + 100 + lane * 2 * LANE_PORTS


def call(options, work, lane, caller_codec, callee_codec, transport):
    """One call; (what each phone heard, as examine() tells it)."""
    os.makedirs(work)
    port = callee_port(options.port, lane)
    phones = []
    try:
        phones.append(Phone(work, "callee", f"+1555020{lane}", port, callee_codec, transport))
        phones.append(Phone(work, "caller", "caller", port + LANE_PORTS, caller_codec, transport))
        callee, caller = phones
        target = f"sip:+1555020{lane}@127.0.0.1:{port}" if options.direct else f"sip:+1555030{lane}@127.0.0.1:{options.port}"
        caller.command("dial", target)
        event = caller.wait_event(("CALL_ESTABLISHED", "CALL_CLOSED"), 15)
        if event["type"] == "CALL_CLOSED":
            raise RuntimeError(f"refused: {event.get('param', '')}; {callee.told()}")
        time.sleep(TALK_SECONDS)
        caller.command("hangup")
        for phone in phones:
            phone.wait_event(("CALL_CLOSED",), 10)
    finally:
        for phone in phones:
            phone.stop()
    outcome = []
    for phone, other in ((caller, callee), (callee, caller)):
        seconds, slip, gap = examined(phone, phone.heard())
        outcome.append((seconds, slip, gap, examined(other, other.said())[1] or 0.0))
    return outcome


def examined(phone, heard):
    rate, samples = heard
    return (examine_bursts if phone.codec.is_vocoder else examine)(samples, rate)


def judge(outcome):
    """(figures in words, whether they hold)."""
    words, holds = [], True
    for ear, (seconds, slip, gap, said) in zip(("caller", "callee"), outcome):
        if slip is None:
            words.append(f"{ear} heard nothing")
            holds = False
            continue
        # A phone that takes its microphone's samples too slowly leaves some out before they are coded: not the call's.
        own = f" ({said:.0f} ms of it the other phone's own, before it coded)" if said > SLIP_MS / 2 else ""
        words.append(f"{ear} {seconds:.1f} s, slip {slip:.0f} ms{own}, gap {gap:.0f} ms")
        holds = holds and seconds >= TALK_SECONDS - BEGIN_SECONDS and gap <= GAP_MS and slip <= SLIP_MS
    return "; ".join(words), holds


def plan(options):
    """The calls: (codec, whether the other end has G.711 only)."""
    if options.short:
        return [(codec, is_coded) for name, is_coded in SHORT for codec in CODECS if codec.name == name]
    wanted = [codec for codec in CODECS if not options.codecs or codec.name in options.codecs]
    calls = [(codec, False) for codec in wanted]
    return calls if options.direct else calls + [(codec, True) for codec in wanted if codec.is_coded]


def run_row(options, work, lanes, codec, is_coded, transport):
    lane = lanes.take()
    try:
        name = f"{codec.name} <-> PCMU" if is_coded else codec.name
        directory = os.path.join(work, name.replace("/", "-").replace(" <-> ", "-to-"))
        try:
            figures, holds = judge(call(options, directory, lane, codec, PCMU if is_coded else codec, transport))
        except RuntimeError as failure:
            figures, holds = str(failure)[:400], False
        return name, figures, holds
    finally:
        lanes.give(lane)


class Lanes:
    def __init__(self, count):
        self.free, self.lock = list(range(count)), threading.Lock()

    def take(self):
        with self.lock:
            return self.free.pop()

    def give(self, lane):
        with self.lock:
            self.free.append(lane)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the nearend binary")
    parser.add_argument("codecs", nargs="*", help="names as --list tells them; none: all")
    parser.add_argument("--transport", choices=list(TRANSPORTS), default="rtp")
    parser.add_argument("--short", action="store_true", help="the calls that ctest makes")
    parser.add_argument("--direct", action="store_true", help="without the gateway: the phones' own figures")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--lanes", type=int, default=2, help="calls at a time, 9 at most")
    parser.add_argument("--port", type=int, default=6100, help="first of the ports on 127.0.0.1")
    parser.add_argument("--work", help="where the phones' files go and stay; else they are removed")
    parser.add_argument("--json", action="store_true", help="a line of JSON a call")
    return parser.parse_intermixed_args()


def has_interface():
    """A softphone describes itself by the address of an interface that is not loopback."""
    lines = subprocess.run(["ip", "-br", "-4", "addr"], capture_output=True, text=True).stdout.splitlines()
    return any(not line.startswith("lo ") and "/" in line for line in lines)


def find_interface():
    """Where there is only loopback, a network of our own with an interface that leads nowhere; False: not possible here."""
    if has_interface():
        return True
    if not os.environ.get("NEAREND_MATRIX_NETWORK"):
        os.environ["NEAREND_MATRIX_NETWORK"] = "own"
        if subprocess.run(["unshare", "-Urn", "true"], capture_output=True).returncode == 0:
            os.execvp("unshare", ["unshare", "-Urn", sys.executable, *sys.argv])
        return False
    for words in ("link set lo up", "link add phones0 type veth peer name phones1", "addr add 192.0.2.10/24 dev phones0",
                  "link set phones0 up", "link set phones1 up", "route add default dev phones0"):
        subprocess.run(["ip", *words.split()], capture_output=True)
    return has_interface()


def main():
    options = arguments()
    if options.list:
        for codec in CODECS:
            print(codec.name)
        return 0
    if not shutil.which("baresip") or not os.path.isdir(MODULES):
        print("SKIPPED: baresip is not installed (tools/packages.txt)")
        return 77
    if not find_interface():
        print("SKIPPED: baresip needs an interface besides loopback, and no network of its own can be made here")
        return 77
    transport = TRANSPORTS[options.transport]
    calls = plan(options)
    work = options.work or tempfile.mkdtemp(prefix="nearend-matrix-")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    options.lanes = max(1, min(options.lanes, 9, len(calls)))
    gateway = None
    failed = 0
    try:
        if not options.direct:
            gateway = Gateway(options.program, work, options.port, options.lanes, CODECS, transport)
        lanes = Lanes(options.lanes)
        with concurrent.futures.ThreadPoolExecutor(options.lanes) as pool:
            rows = [pool.submit(run_row, options, work, lanes, codec, is_coded, transport) for codec, is_coded in calls]
            for row in rows:
                name, figures, holds = row.result()
                failed += not holds
                if options.json:
                    print(json.dumps({"codec": name, "transport": options.transport, "holds": holds, "told": figures}),
                          flush=True)
                else:
                    print(f"{'ok    ' if holds else 'FAILED'} {name:22} {options.transport}: {figures}", flush=True)
    finally:
        if gateway:
            gateway.stop()
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{len(calls) - failed} of {len(calls)} calls hold (slip <= {SLIP_MS} ms, gap <= {GAP_MS} ms)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
