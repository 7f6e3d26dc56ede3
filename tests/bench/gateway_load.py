"""A gateway of its own between two sipp: what a forwarded call costs it, how many it bears, what a held one weighs."""
import csv
import glob
import os
import re
import shutil
import subprocess
import tempfile
import time

SIP, LINK, CALLEE, CALLER = 5910, 5911, 5920, 5930
TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = """http_listen = "127.0.0.1:5913"
[media]
port_first = 30000
port_last = 60999
recordings = "{work}/recordings"
[gateway]
name = "gw"
journal_path = "{work}/journal"
rtp_timeout = "{rtp_timeout}"
[[gateway.listen]]
protocol = "udp"
local = "127.0.0.1:5910"
[[gateway.link_listen]]
protocol = "tcp"
local = "127.0.0.1:5911"
[[gateway.number]]
value = "+15550300"
account_sid = "AC000000000000000000000000000000aa"
kind = "forward"
forward_to = "+15550200"
[[gateway.provider]]
name = "carrier"
addresses = ["127.0.0.0/8"]
options_ping = "0s"
[[gateway.provider.target]]
host = "127.0.0.1"
port = 5920
"""


class Failed(Exception):
    pass


class Gateway:
    """The gateway and the called sipp, in a directory of their own; both end with it."""

    def __init__(self, program, rtp_timeout="60s"):
        self.work = tempfile.mkdtemp(prefix="nearend-bench-")
        self.config = os.path.join(self.work, "gateway.toml")
        with open(self.config, "w") as out:
            out.write(CONFIG.format(work=self.work, rtp_timeout=rtp_timeout))
        self.log = open(os.path.join(self.work, "gateway.log"), "w")
        self.gateway = subprocess.Popen([program, "gateway", "--config", self.config], stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.callee = subprocess.Popen(
            ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(CALLEE), "-nostdin", "-buff_size", "4000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work)
        self.wait_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.gateway, self.callee):
            process.terminate()
        for process in (self.gateway, self.callee):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def wait_ready(self):
        for _ in range(400):
            if self.gateway.poll() is not None:
                break
            with open(self.log.name) as log:
                if "ready" in log.read():
                    return
            time.sleep(0.05)
        raise Failed("the gateway did not come up:\n" + open(self.log.name).read()[-2000:])

    def cpu_seconds(self):
        with open(f"/proc/{self.gateway.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_kib(self):
        """Private dirty memory: what is there because of this process alone."""
        with open(f"/proc/{self.gateway.pid}/smaps_rollup") as rollup:
            return int(re.search(r"Private_Dirty:\s+(\d+)", rollup.read())[1])

    def caller(self, calls, rate, hold_ms):
        for old in glob.glob(os.path.join(self.work, "stat*.csv")):
            os.remove(old)
        return subprocess.Popen(
            ["sipp", "-sn", "uac", f"127.0.0.1:{SIP}", "-s", "+15550300", "-i", "127.0.0.1", "-p", str(CALLER),
             "-m", str(calls), "-r", str(rate), "-l", "50000", "-d", str(hold_ms), "-nostdin", "-buff_size", "4000000",
             "-trace_stat", "-fd", "1", "-stf", os.path.join(self.work, "stat.csv"), "-timeout", "300"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work)

    def sipp_figures(self):
        with open(os.path.join(self.work, "stat.csv")) as lines:
            last = list(csv.DictReader(lines, delimiter=";"))[-1]
        return {"ok": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"]),
                "resent": int(last["Retransmissions(C)"]), "seconds": elapsed_seconds(last["ElapsedTime(C)"])}


def elapsed_seconds(text):
    hours, minutes, seconds = text.split(":")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds[:2])


def drive(program, rate, seconds):
    """Calls at a rate for some seconds: sipp's figures, and the gateway's CPU for one call in microseconds."""
    with Gateway(program) as pair:
        before = pair.cpu_seconds()
        caller = pair.caller(rate * seconds, rate, 0)
        try:
            caller.wait(seconds * 1.5 + 10)  # far behind its rate, it has failed; its waiting proves nothing more
        except subprocess.TimeoutExpired:
            caller.kill()
            caller.wait()
        after = pair.cpu_seconds()
        figures = pair.sipp_figures()
        figures["failed"] += rate * seconds - figures["ok"] - figures["failed"]
        figures["cpu_us"] = (after - before) * 1e6 / max(1, figures["ok"])
        return figures


def measure_cpu(program, seconds):
    return drive(program, 500, seconds)


def search_rate(program, seconds, rates=(500, 800, 1000, 1200, 1500, 1800, 2200)):
    """The highest of the rates that has no failed call and keeps up: the calls take no longer than their own time."""
    best, tried = None, []
    for rate in rates:
        figures = drive(program, rate, seconds)
        is_good = figures["failed"] == 0 and figures["seconds"] <= seconds * 1.1 + 2
        tried.append((rate, figures, is_good))
        if not is_good:
            break
        best = (rate, figures)
    return best, tried


def measure_heap(program, counts=(500, 1500), settle_seconds=40):
    """Memory with held calls, after set-up's timers have run out; the slope leaves out what is there anyhow."""
    points = []
    for count in counts:
        with Gateway(program, rtp_timeout="0s") as pair:
            caller = pair.caller(count, 100, (settle_seconds + count // 100 + 30) * 1000)
            time.sleep(count / 100 + settle_seconds)
            points.append((count, pair.memory_kib()))
            if caller.poll() is not None:
                raise Failed(f"sipp ended before the measurement: {pair.sipp_figures()}")
            caller.terminate()
            caller.wait()
    (few, less), (many, more) = points
    return (more - less) / (many - few), points
