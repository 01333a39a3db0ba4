"""How `benches/run` has each client ask a list, and how it is known that every answer was right."""
import json
import os
import re
import shutil
from typing import Callable, NamedTuple, Sequence

BENCHES = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCHES)
RELEASE = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")
PEERS = os.path.join(ROOT, "target", "peers")
CONCURRENCY = 100
FILE_SHA256 = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"  # 1 MiB of zeros


class Case(NamedTuple):
    """A workload's list, and where a client may leave files."""
    workload: str
    list: str
    urls: Sequence[str]
    authority: str
    folder: str


class Run(NamedTuple):
    """A command, how many right answers it is to give, and how many its output says that it got."""
    command: Sequence[str]
    expected: int
    answered: Callable[[str], int]


def binary(name):
    """Where a program is, if it is there."""
    for folder in (RELEASE, os.path.join(PEERS, "bin")):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return shutil.which(name)


def headcount(case):
    output = os.path.join(case.folder, "records.jsonl")
    # One host gets all slots, as the other clients give them. The journal is on.
    command = [binary("headcount"), "check", case.list, "-o", output, "--restart", "-q", "-c", str(CONCURRENCY), "--per-host",
               str(CONCURRENCY), "--retries", "0", "--cacert", case.authority]
    expected = len(case.urls)
    if case.workload == "tail":
        command += ["--timeout", "2s"]
        expected -= len(case.urls) // 20
    if case.workload == "files":
        command += ["--hash", "sha256"]
    return Run(command, expected, lambda _: sum(is_right(json.loads(line), case) for line in open(output)))


def is_right(record, case):
    if record["outcome"] != "answered" or record["status_code"] != 200:
        return False
    if case.workload == "files":
        return record["body_sha256"] == FILE_SHA256
    if case.workload == "tail":
        return record["title"] in ("Quick", "Slow")
    if case.workload == "http2" and "2" not in record["http_version"]:
        return False
    return record["title"] == "Page " + record["url"].rsplit("/", 1)[1]


def reference(name, *workloads):
    """A client of benches/reference. Each checks the pages' titles and prints how many were right."""
    def client(case):
        path = binary(f"reference-{name}")
        if case.workload not in workloads or path is None:
            return None
        return Run([path, case.list, str(CONCURRENCY), case.authority], len(case.urls), int)
    return client


def python(name, share, *workloads):
    """A client of python_clients.py. What is slow gets every so manieth part of the list."""
    def client(case):
        path = os.path.join(PEERS, "venv", "bin", "python")
        if case.workload not in workloads or not os.path.exists(path):
            return None
        urls = case.urls[:len(case.urls) // share]
        part = os.path.join(case.folder, "part")
        with open(part, "w") as file:
            file.writelines(url + "\n" for url in urls)
        command = [path, os.path.join(BENCHES, "python_clients.py"), name, part, str(CONCURRENCY), case.authority]
        return Run(command + ["h2"] * (case.workload == "http2"), len(urls), int)
    return client


def wrk(case):
    """The same page again and again for a second: it does no job, and says how many answers were not 2xx."""
    if case.workload != "one" or binary("wrk") is None:
        return None
    command = [binary("wrk"), "-t1", f"-c{CONCURRENCY}", "-d1", case.urls[0]]
    # As many as there were count, but for errors.
    return Run(command, 0, lambda output: wrk_answers(output))


def wrk_answers(output):
    answers = int(re.search(r"(\d+) requests in", output)[1])
    return -1 if "Non-2xx" in output or "Socket errors" in output else answers


def h2load(case):
    """One connection, a hundred streams. It does no job and verifies no certificate."""
    if case.workload != "http2" or binary("h2load") is None:
        return None
    count = len(case.urls)
    command = [binary("h2load"), "-i", case.list, "-n", str(count), "-c1", f"-m{CONCURRENCY}"]
    return Run(command, count, lambda output: int(re.search(r"status codes: (\d+) 2xx", output)[1]))


def curl(case):
    if case.workload == "tail" or binary("curl") is None:
        return None
    # It takes a millisecond for each URL of a long list.
    urls = case.urls[:5_000]
    config = os.path.join(case.folder, "curl")
    to_files = case.workload == "files"
    with open(config, "w") as file:
        for number, url in enumerate(urls):
            place = os.path.join(case.folder, f"file-{number}") if to_files else "/dev/null"
            file.write(f'url = "{url}"\noutput = "{place}"\n')
    command = [binary("curl"), "-s", "--parallel", "--parallel-max", str(CONCURRENCY), "-K", config, "--cacert",
               case.authority, "-w", "%{http_code} %{http_version} %{size_download}\n"]
    if not to_files:
        wanted = r"^200 2 [1-9]" if case.workload == "http2" else r"^200 [0-9.]+ [1-9]"
        return Run(command, len(urls), lambda output: len(re.findall(wanted, output, re.MULTILINE)))
    shell = f'"$@" >/dev/null && cd {case.folder} && sha256sum file-*'
    return Run(["sh", "-c", shell, "sh", *command], len(urls), lambda output: output.count(FILE_SHA256))


def wget2(case):
    """Says by its exit code that all was well."""
    if case.workload not in ("one", "many", "tls") or binary("wget2") is None:
        return None
    command = [binary("wget2"), "-q", "-O", "/dev/null", f"--max-threads={CONCURRENCY}", f"--ca-certificate={case.authority}",
               "--no-robots", "-i", case.list]
    return Run(command, len(case.urls), lambda _: len(case.urls))


def lychee(case):
    """Its limits for each host are lifted."""
    if case.workload not in ("one", "many") or binary("lychee") is None:
        return None
    command = [binary("lychee"), "--no-progress", "--format", "json", "--method", "get", "--max-concurrency",
               str(CONCURRENCY), "--host-concurrency", str(CONCURRENCY), "--host-request-interval", "0s",
               "--max-retries", "0", case.list]
    return Run(command, len(case.urls), lambda output: json.loads(output)["successful"])


BARE = "bare epoll, httparse"
BARE_TLS = "tokio, httparse, rustls"
CLIENTS = {
    "headcount check, journal on": headcount,
    BARE: reference("epoll", "one", "many"),
    BARE_TLS: reference("tokio", "one", "many", "tls"),
    "hyper `client::conn`": reference("hyper", "one", "many"),
    "reqwest": reference("reqwest", "one", "many", "tls", "http2"),
    "wrk (no job)": wrk,
    "h2load (no job)": h2load,
    "curl --parallel": curl,
    "wget2": wget2,
    "lychee": lychee,
    "aiohttp, uvloop": python("aiohttp", 4, "one", "many", "tls"),
    "pyreqwest": python("pyreqwest", 4, "one", "many", "tls", "http2"),
    "httpx (Python)": python("httpx", 20, "one", "many", "tls", "http2"),
}
