"""``tests/run_slow``: the parts one by one, and their results in a dated file.

A result is written as soon as its part has ended, and replaces that part's only: what
was interrupted goes on with ``tests/run_slow PART``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from slow.fuzz import fuzz
from slow.sanitizers import TESTS, sanitizers

HERE = Path(__file__).parent
PARTS = ("sanitizers", "fuzz", "soak")


def main() -> int:
    """Run what the arguments say; 0 if all of it passed."""
    a = parsed()
    good = True
    for part in a.parts or PARTS:
        began = time.perf_counter()
        context = {"command": command(part, a), **circumstances()}
        result = run(part, a)
        seconds = round(time.perf_counter() - began, 1)
        good &= result["passed"]
        keep(a.json, part, {**result, "seconds": seconds, **context})
        print(f"{part}: {'passed' if result['passed'] else 'FAILED'}, {seconds} s")
    print(f"written to {a.json}")
    return 0 if good else 1


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("tests/run_slow", description="The long tests.")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--minutes", type=float, default=10, help="soak: biological")
    parser.add_argument("--rows", type=int, default=1000, help="soak")
    parser.add_argument("--cases", type=int, default=1000, help="fuzz: seeds")
    parser.add_argument("--seed", type=int, default=0, help="fuzz: the first; soak")
    files = {"nargs": "+", "choices": TESTS, "default": TESTS, "metavar": "NAME"}
    parser.add_argument("--tests", **files, help="sanitizers: of tests/test_NAME.py")
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}.json"
    parser.add_argument("--json", type=Path, default=HERE / today, metavar="PATH")
    a = parser.parse_args()
    if unknown := set(a.parts) - set(PARTS):
        parser.error(f"expected parts of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if a.minutes <= 0 or a.rows < 20 or a.cases < 1:
        parser.error("expected minutes above 0, 20 rows or more and 1 case or more")
    return a


def run(part: str, a: argparse.Namespace) -> dict:
    """Result of one part."""
    if part == "fuzz":
        return fuzz(a.cases, a.seed)
    if part == "sanitizers":
        return sanitizers(a.tests)
    soak = [sys.executable, HERE / "soak.py", str(a.minutes), str(a.rows), str(a.seed)]
    # so that a large block that is freed is not resident any more
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(soak, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"passed": False, "why": f"it ended with {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def command(part: str, a: argparse.Namespace) -> str:
    """What repeats a part."""
    options = {
        "sanitizers": f" --tests {' '.join(a.tests)}" if a.tests != TESTS else "",
        "fuzz": f" --cases {a.cases} --seed {a.seed}",
        "soak": f" --minutes {a.minutes:g} --rows {a.rows} --seed {a.seed}",
    }
    return f"tests/run_slow {part}{options.get(part, '')}"


def circumstances() -> dict:
    """When, of what and on what."""
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, cwd=HERE, capture_output=True, text=True).stdout
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "commit": commit.strip(),
        "versions": {name: version(name) for name in ("ann_backend", "neuron", "numpy")}
        | {"python": platform.python_version()},
        "machine": f"{os.cpu_count()} CPU core(s), {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def keep(path: Path, part: str, result: dict) -> None:
    """Write a part's result beside those of the others."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, part: result}, indent=1) + "\n")
