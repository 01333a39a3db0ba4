#!/bin/sh
# Makes an environment with uvloop and prints its interpreter:  PYTHON=$(./setup-python.sh) cargo run -r
set -eu
target=${1:-$(dirname "$0")/.venv}
python3 -m venv "$target" || { echo "no python3 with venv: asyncio is left out" >&2; exit 1; }
"$target/bin/python" -m pip install --quiet uvloop >&2 || echo "uvloop is not to be had: left out" >&2
echo "$target/bin/python"
