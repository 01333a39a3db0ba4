"""What .ci/readers checks: every reader finds the records that the JSON has."""

import csv
import datetime
import json
import pathlib
import sqlite3
import sys

import duckdb
import jsonschema
import junitparser
import pyarrow
import pyarrow.parquet

place = pathlib.Path(sys.argv[1])
records = json.loads((place / "run.json").read_text())
schema = json.loads((place / "schema.json").read_text())
assert len(records) > 900, "the demo has about a thousand"


def flat(record):
    """A record as a row of a table: the error in three columns."""
    row = {}
    for name, value in record.items():
        if name == "error":
            for part in ("phase", "kind", "reason", "message"):
                row["error_" + part] = value.get(part) if value else None
        else:
            row[name] = value
    # Some fields are there on request only; their columns always are.
    return {name: row.get(name) for name in names}


with (place / "run.csv").open(newline="") as file:
    names = next(csv.reader(file))
fields = set(schema["properties"]) - {"error"} | {"error_phase", "error_kind", "error_reason", "error_message"}
assert set(names) == fields, f"columns and fields differ: {set(names) ^ fields}"
# Lists and objects stand in tables as JSON, but for the one list that has a type of its own.
structured = [name for name in names if name in ("chain_urls", "input_fields", "header_fields", "extracted", "certificate")]
rows = [flat(record) for record in records]
empty = [name for name in names if all(row[name] is None for row in rows)]
assert not empty, f"nothing shows the types of {empty}"


def parsed(row):
    return row | {name: json.loads(row[name]) for name in structured if row[name] is not None}


def same(reader, found, expected=rows):
    assert len(found) == len(expected), f"{reader}: {len(found)} of {len(expected)} rows"
    for number, (one, other) in enumerate(zip(found, expected)):
        for name in other:
            assert one[name] == other[name], f"{reader}, row {number}, {name}: {one[name]!r}, not {other[name]!r}"
    print(f"{reader}: {len(found)} rows")


def moment(text):
    """Python's moments end at microseconds."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole).replace(microsecond=int(fraction.ljust(6, "0")[:6] or 0))


def with_moments(rows):
    return [row | {"timestamp": moment(row["timestamp"])} for row in rows]


# JSON: each record is what the schema says.
validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
for record in records:
    validator.validate(record)
print(f"jsonschema: {len(records)} records")
same("json lines", [flat(json.loads(line)) for line in (place / "run.jsonl").open()])

# CSV: Python's own reader gives text, which must be what the value is written as.
def as_value(text, value):
    """The text as what stands in its place in the JSON; numbers may be written in more than one way."""
    if value is None:
        return text or None
    if isinstance(value, (bool, list, dict)):
        return json.loads(text)
    return type(value)(text)


FORMULAS = ("=", "+", "-", "@")


def as_it_was(text):
    """Without the apostrophe that keeps a spreadsheet from running it."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULAS) else text


for name, text_of in (("run.csv", as_it_was), ("raw.csv", str)):
    with (place / name).open(newline="") as file:
        found = list(csv.DictReader(file, strict=True))
    formulas = sum(text.startswith(FORMULAS) for row in found for text in row.values())
    assert formulas == (4 if name == "raw.csv" else 0), f"{formulas} formulas in {name}"
    values = [{name: as_value(text_of(text), row[name]) for name, text in line.items()} for line, row in zip(found, rows)]
    same(f"csv, {name}", values)
    assert len(found) == len(rows)

# Parquet, with its types.
table = pyarrow.parquet.read_table(place / "run.parquet")
expected_types = {
    "index": "int64", "accepted": "bool", "status_code": "int64", "title": "string", "error_phase": "string",
    "chain_status_codes": "list<element: int32 not null>", "timestamp": "timestamp[us, tz=UTC]", "time_total": "double",
}
for name, expected in expected_types.items():
    assert str(table.schema.field(name).type) == expected, f"{name} is {table.schema.field(name).type}"
group = pyarrow.parquet.ParquetFile(place / "run.parquet").metadata.row_group(0)
assert {group.column(number).compression for number in range(group.num_columns)} == {"ZSTD"}
assert table.column_names == names
found = [parsed(row) for row in table.to_pylist()]
same("pyarrow", [row | {"timestamp": row["timestamp"].replace(tzinfo=None)} for row in found], with_moments(rows))

base = duckdb.connect()
found = base.execute(f"SELECT * FROM '{place}/run.parquet' ORDER BY \"index\"").fetchall()
found = [parsed(dict(zip(names, row))) for row in found]
for row in found:
    row["timestamp"] = row["timestamp"].astimezone(datetime.timezone.utc).replace(tzinfo=None)
same("duckdb, parquet", found, with_moments(rows))
slow = f"SELECT count(*) FROM '{place}/run.parquet' WHERE time_total > 0.1 AND list_contains(chain_status_codes, 200)"
assert base.execute(slow).fetchone()[0] == sum(
    row["time_total"] is not None and row["time_total"] > 0.1 and 200 in row["chain_status_codes"] for row in rows
)
# What people calculate with numbers and times: nothing wraps around, and intervals can be taken from a time.
below = f"SELECT min(num_retries - num_redirects - 1), max(status_code * 1000000) FROM '{place}/run.parquet'"
assert base.execute(below).fetchone() == (
    min(row["num_retries"] - row["num_redirects"] - 1 for row in rows), max(row["status_code"] or 0 for row in rows) * 1000000
)
recent = f"SELECT count(*) FROM '{place}/run.parquet' WHERE timestamp > (SELECT max(timestamp) FROM '{place}/run.parquet') - INTERVAL 1 DAY"
assert base.execute(recent).fetchone()[0] == len(rows)
kinds = f"SELECT error.phase, count(*) FROM '{place}/run.jsonl' WHERE failed GROUP BY ALL"
assert sum(count for _, count in base.execute(kinds).fetchall()) == sum(row["failed"] for row in rows)
assert base.execute(f"SELECT count(*) FROM '{place}/run.csv'").fetchone()[0] == len(rows)

# SQLite: two runs of the same.
connection = sqlite3.connect(place / "run.sqlite")
connection.row_factory = sqlite3.Row
assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
for run in (1, 2):
    query = 'SELECT * FROM records WHERE run = ? ORDER BY "index"'
    found = [parsed(dict(row)) for row in connection.execute(query, (run,))]
    for row in found:
        row["chain_status_codes"] = json.loads(row["chain_status_codes"])
        row["timestamp"] = datetime.datetime.fromisoformat(row["timestamp"])
        for name in ("accepted", "failed", "truncated", "insecure"):
            row[name] = {0: False, 1: True}[row[name]]
    same(f"sqlite3, run {run}", found, with_moments(rows))
since = "SELECT count(*) FROM records WHERE timestamp > datetime((SELECT max(last_timestamp) FROM runs), '-1 day')"
assert connection.execute(since).fetchone()[0] == 2 * len(rows)
bad = connection.execute("SELECT count(*) FROM failures WHERE run = 2").fetchone()[0]
assert bad == sum(not row["accepted"] for row in rows)

# JUnit: what was not accepted fails.
suites = junitparser.JUnitXml.fromfile(str(place / "run.xml"))
cases = [case for suite in suites for case in suite]
assert len(cases) == len(rows) == suites.tests
assert suites.failures + suites.errors == sum(not row["accepted"] for row in rows)
assert [case.name for case in cases] == [row["input"] for row in rows]
for case, row in zip(cases, rows):
    assert case.is_passed == row["accepted"], case.name
print(f"junitparser: {len(cases)} cases")

# Some of the records, with some of their fields.
chosen = [row for row in rows if (row["status_code"] or 0) >= 400 or row["failed"]]
wanted = ["index", "status_code", "error_phase", "error_kind", "error_reason", "error_message"]
chosen = [{name: row[name] for name in wanted} for row in chosen]
assert 10 < len(chosen) < len(rows)
same("pyarrow, some", pyarrow.parquet.read_table(place / "bad.parquet").to_pylist(), chosen)
with (place / "bad.csv").open(newline="") as file:
    found = list(csv.DictReader(file))
same("csv, some", [{name: as_value(as_it_was(line[name]), row[name]) for name in line} for line, row in zip(found, chosen)], chosen)
found = sqlite3.connect(place / "bad.sqlite").execute('SELECT "' + '", "'.join(wanted) + '" FROM records').fetchall()
same("sqlite3, some", [dict(zip(wanted, row)) for row in found], chosen)
found = json.loads((place / "bad.json").read_text())
assert [list(record) for record in found] == [["index", "status_code", "error"]] * len(chosen)
assert [record["index"] for record in found] == [row["index"] for row in chosen]
assert sum(len(suite) for suite in junitparser.JUnitXml.fromfile(str(place / "bad.xml"))) == len(chosen)
