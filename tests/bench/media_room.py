"""A conference room on a media node with real sockets: the node's CPU while everybody speaks. (share of a core, heard)."""
import os
import random
import select
import shutil
import socket
import tempfile
import time

import media_weight

TICK = 0.02


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Phones:
    """All members' phones: a socket each, numbered packets of noise every 20 ms, spread over the tick."""

    def __init__(self, count):
        self.sockets = []
        for _ in range(count):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
            self.sockets.append(one)
        self.targets = [None] * count
        self.heard = [0] * count
        self.number = 0
        self.noise = [bytes(random.Random(i).choices(range(256), k=160)) for i in range(16)]
        self.poll = select.epoll()
        for one in self.sockets:
            self.poll.register(one, select.EPOLLIN)
        self.of = {one.fileno(): i for i, one in enumerate(self.sockets)}

    def read(self, seconds):
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            for descriptor, _ in self.poll.poll(max(left, 0)):
                index = self.of[descriptor]
                try:
                    while len(self.sockets[index].recv(2048)) >= 172:
                        self.heard[index] += 1
                except BlockingIOError:
                    pass
            if left <= 0:
                return

    def talk(self, seconds):
        due = time.monotonic()
        parts = 10
        for frame in range(int(seconds / TICK)):
            for part in range(parts):
                for i in range(part, len(self.sockets), parts):
                    payload = self.noise[(i + frame) % len(self.noise)]
                    self.sockets[i].sendto(media_weight.packet(0, self.number & 0xffff, 160, payload), self.targets[i])
                due += TICK / parts
                self.read(due - time.monotonic())
            self.number += 1


def measure(program, members=100, seconds=10):
    work = tempfile.mkdtemp(prefix="nearend-room-")
    node = media_weight.start_node(program, work)
    phones = Phones(members)
    try:
        client = media_weight.Client()
        for i in range(members):
            leg = {"call": f"CA{i}", "leg": f"LG{i:08}", "streams": ["audio"], "has_inner": False, "lease_s": 600,
                   "needs": ["mix"]}
            made = client.send("POST", "/v1/media/anchors", leg)
            phone = phones.sockets[i].getsockname()
            remote = {"stream": 0, "rtp": f"{phone[0]}:{phone[1]}", "formats": [media_weight.PCMU]}
            client.send("PUT", f"/v1/media/anchors/{made['id']}/remotes/outer", remote)
            client.send("PUT", f"/v1/media/anchors/{made['id']}/seat", {"room": "bench"})
            host, _, port = made["streams"][0]["outer"].rpartition(":")
            phones.targets[i] = (host, int(port))
        phones.talk(1)
        before, begin, heard = cpu_seconds(node.pid), time.monotonic(), list(phones.heard)
        phones.talk(seconds)
        elapsed = time.monotonic() - begin
        share = (cpu_seconds(node.pid) - before) / elapsed * 100
        return share, min(now - then for now, then in zip(phones.heard, heard)) / (elapsed / TICK)
    finally:
        node.terminate()
        node.wait()
        shutil.rmtree(work, ignore_errors=True)
