"""What `benches/run` has its clients ask: the server, and a list for each workload."""
import os
import subprocess
import sys

SERVER_CORE = 0


class Server:
    """The reference server, pinned to its core. `hosts` says where what listens; `authority` is trusted by clients."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.authority = os.path.join(folder, "authority.pem")

    def __enter__(self):
        self.process = subprocess.Popen([self.binary, self.authority], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}))
        self.hosts = {}
        for line in self.process.stdout:
            words = line.split()
            if words == ["ready"]:
                return self
            self.hosts.setdefault(words[0], []).append(words[1].rstrip("/"))
        sys.exit("the server did not start")

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def first(self, name):
        return self.hosts[name][0]


def loopback(number):
    number += 256
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def one(server, count=50_000):
    return [f"{server.first('one')}/page/{number}" for number in range(count)]


def many(server):
    return [f"http://{loopback(number)}:{server.first('many')}/page/{number}" for number in range(20_000)]


def tls(server):
    return [f"https://{loopback(number)}:{server.first('encrypted')}/page/{number}" for number in range(10_000)]


def tail(server):
    hosts = server.hosts["tail"]
    urls = []
    for number in range(2_000):
        place = (number // len(hosts) + number) % 20
        path = {0: "/silent", 10: "/slow"}.get(place, "/")
        urls.append(hosts[number % len(hosts)] + path)
    return urls


def http2(server):
    return [f"https://127.0.0.1:{server.first('encrypted')}/page/{number}" for number in range(50_000)]


def files(server):
    return [f"{server.first('files')}/file/{number}" for number in range(1_000)]


WORKLOADS = {"one": one, "many": many, "tls": tls, "tail": tail, "http2": http2, "files": files}
