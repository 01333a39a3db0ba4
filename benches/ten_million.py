"""Ten million lines through the command: what each million costs, and how much memory it takes."""
import os
import shutil
import subprocess
import time

from clients import CONCURRENCY, binary

LINES = 10_000_000
TICKS = os.sysconf("SC_CLK_TCK")


def ten_million(server, folder, lines=LINES):
    path = os.path.join(folder, "ten-million")
    with open(path, "w") as file:
        file.writelines(f"{server.first('one')}/page/{number}\n" for number in range(lines))
    output = os.path.join(folder, "ten-million.jsonl")
    command = [binary("headcount"), "check", path, "-o", output, "-q", "-c", str(CONCURRENCY), "--per-host",
               str(CONCURRENCY)]
    process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {1}))
    samples = [(0, 0.0, 0)]  # records, CPU seconds, resident MiB
    while process.poll() is None:
        time.sleep(0.05)
        samples.append((records_of(output), cpu_seconds(process.pid), resident(process.pid)))
    samples = [sample for sample in samples if None not in sample]
    print(f"**ten-million**, {lines:,} URLs, exit {process.returncode}\n")
    print("| million | CPU µs per URL | resident MiB |\n|-|-|-|")
    step = lines // 10
    for million in range(10):
        first, last = (at(samples, (million + place) * step) for place in (0, 1))
        cost = (last[1] - first[1]) * 1e6 / max(last[0] - first[0], 1)
        print(f"| {million + 1} | {cost:.2f} | {last[2]:.0f} |")
    print(flush=True)
    os.remove(path)
    os.remove(output)
    shutil.rmtree(output + ".headcount", ignore_errors=True)


def at(samples, records):
    """The first sample with so many records, or the last of all."""
    return next((sample for sample in samples if sample[0] >= records), samples[-1])


def records_of(output):
    """How many lines there are, by the index that the last whole one bears: they come in about this order."""
    try:
        with open(output, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            lines = file.read().split(b"\n")
            return int(lines[-2].split(b'"index":', 1)[1].split(b",", 1)[0]) if len(lines) > 1 else 0
    except FileNotFoundError:
        return 0


def cpu_seconds(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    except (FileNotFoundError, ProcessLookupError):
        return None


def resident(process):
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (FileNotFoundError, ProcessLookupError):
        return None
