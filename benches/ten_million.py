"""Ten million lines through the command: what each tenth costs, how much memory it takes, and both as a plot."""
import os
import shutil
import subprocess
import time

from clients import CONCURRENCY, ROOT, binary
from workloads import loopback

LINES = 10_000_000
PLOT = os.path.join(ROOT, "docs", "ten-million.svg")
POINTS = 100
HOSTS = 200
TICKS = os.sysconf("SC_CLK_TCK")


def ten_million(server, folder, lines):
    path = os.path.join(folder, "ten-million")
    port = server.first("many")
    with open(path, "w") as file:
        file.writelines(f"http://{loopback(number % HOSTS)}:{port}/page/{number}\n" for number in range(lines))
    output = os.path.join(folder, "ten-million.jsonl")
    command = [binary("headcount"), "check", path, "-o", output, "-q", "-c", str(CONCURRENCY)]
    process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {1}))
    samples = [(0, 0.0, 0)]  # records, CPU seconds, resident MiB
    while process.poll() is None:
        time.sleep(0.05)
        samples.append((records_of(output), cpu_seconds(process.pid), resident(process.pid)))
    # Of a process that has ended nothing is resident.
    samples = samples[:1] + [sample for sample in samples if all(sample)]
    print(f"**ten-million**, {lines:,} URLs, exit {process.returncode}\n")
    print("| tenth | CPU µs per URL | resident MiB |\n|-|-|-|")
    step = lines // 10
    for tenth in range(10):
        first, last = (at(samples, (tenth + place) * step) for place in (0, 1))
        cost = (last[1] - first[1]) * 1e6 / max(last[0] - first[0], 1)
        print(f"| {tenth + 1} | {cost:.2f} | {last[2]:.0f} |")
    print(flush=True)
    with open(PLOT, "w") as file:
        file.write(plot(samples, lines))
    os.remove(path)
    os.remove(output)
    shutil.rmtree(output + ".headcount", ignore_errors=True)


def plot(samples, lines):
    """Memory and the cost of a URL over the progress of the run, as SVG."""
    places = [at(samples, lines * point // POINTS) for point in range(POINTS + 1)]
    memory = [place[2] for place in places[1:]]
    cost = [(b[1] - a[1]) * 1e6 / max(b[0] - a[0], 1) for a, b in zip(places, places[1:])]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 460" font-family="sans-serif" font-size="14">\n'
        '<rect width="800" height="460" fill="white"/>\n'
        + chart(memory, "resident memory, MiB", 30, "#1f6feb")
        + chart(cost, "CPU µs for a URL", 240, "#bc4c00")
        + "".join(
            f'<text x="{70 + tenth * 70}" y="450" text-anchor="middle">{lines * tenth / 10 / 1e6:g}M</text>\n'
            for tenth in range(0, 11, 2)
        )
        + "</svg>\n"
    )


def chart(values, title, top, color):
    """A line over a grid that begins at zero, 150 high."""
    most = max(values) * 1.15
    points = " ".join(
        f"{70 + 700 * (place + 1) / POINTS:.1f},{top + 170 - 150 * value / most:.1f}" for place, value in enumerate(values)
    )
    grid = "".join(
        f'<line x1="70" x2="770" y1="{y}" y2="{y}" stroke="#d0d7de"/>'
        f'<text x="62" y="{y + 5}" text-anchor="end">{most * part / 3:.0f}</text>\n'
        for part in range(4)
        for y in [top + 170 - 50 * part]
    )
    line = f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>\n'
    return f'<text x="70" y="{top + 8}" fill="{color}">{title}</text>\n{grid}{line}'


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
