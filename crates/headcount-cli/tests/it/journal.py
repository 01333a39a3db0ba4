"""Reads a journal by what docs/journal.md says, and nothing else: `journal.py FOLDER` prints what is in it, as JSON."""

import json
import pathlib
import re
import sys
import zlib

folder = pathlib.Path(sys.argv[1])
assert (folder / "headcount-journal").is_file(), "it is not ours"


def seal(number):
    """What the checksums of a segment begin with."""
    return manifest["id"].to_bytes(8, "little") + number.to_bytes(4, "little")


def parse(line, before=b""):
    """CHECKSUM KIND INDEX PAYLOAD; None if it is damaged."""
    if line[8:9] != b" " or line[:8] != b"%08x" % zlib.crc32(before + line[9:]):
        return None
    kind, _, rest = line[9:].partition(b" ")
    index, _, payload = rest.partition(b" ")
    return kind.decode(), int(index), payload


def manifest_of(file):
    line = file.read_bytes().partition(b"\n")[0] if file.is_file() else b""
    parsed = parse(line)
    return json.loads(parsed[2]) if parsed and parsed[0] == "h" else None


segments = {int(file.name[8:]): file for file in folder.iterdir() if re.fullmatch(r"segment-\d{6,}", file.name)}
copies = [folder / "manifest", folder / "manifest.part", *(segments[number] for number in sorted(segments))]
manifest = next(filter(None, map(manifest_of, copies)), None)
assert manifest and manifest["format"] == 2, "there is nothing to read"

records, done, doubted, lists, damaged, torn = {}, set(), set(), {}, 0, 0
closed = {}  # after each segment, what is done
for number in sorted(segments):
    lines = segments[number].read_bytes().split(b"\n")
    torn += lines.pop() != b""
    for place, line in enumerate(lines):
        parsed = parse(line, b"" if place == 0 else seal(number))
        if parsed is None:
            damaged += 1
            continue
        kind, index, payload = parsed
        if kind == "r":
            records[index] = json.loads(payload)
            done.add(index)
            doubted.discard(index)
        elif kind == "p" and index not in records:
            records[index] = json.loads(payload)
        elif kind == "x":
            done.discard(index)
        elif kind == "i":
            doubted.add(index)
        elif kind == "f":
            lists[index] = json.loads(payload)
    closed[number] = frozenset(done)

covered = None
if (folder / "checkpoint").is_file():
    lines = [parse(line, seal(0xFFFFFFFF)) for line in (folder / "checkpoint").read_bytes().splitlines()]
    assert lines[0][0] == "c" and lines[-1][:2] == ("e", len(lines) - 1)
    covers = json.loads(lines[0][2])["segments"]
    assert all(segments[number].stat().st_size == length for number, length in covers)
    covered = set()
    for kind, index, payload in lines:
        if kind == "d":
            for first, last in json.loads(payload):
                covered.update(range(first, last + 1))
        elif kind == "b":
            for word in range(1024):
                bits = int(payload[16 * word : 16 * word + 16], 16)
                covered.update(index * 65536 + word * 64 + bit for bit in range(64) if bits >> bit & 1)
    assert covered == closed[covers[-1][0]], "the checkpoint is not what its segments add up to"

result = {"manifest": manifest, "records": [records[index] for index in sorted(records)], "done": len(done)}
result |= {"in_doubt": len(doubted), "lists": lists, "damaged": damaged, "torn": torn, "covered": covered and len(covered)}
json.dump(result, sys.stdout)
