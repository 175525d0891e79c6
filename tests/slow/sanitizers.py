"""The tests of the engine and the coupling, on csrc/ built with ASan and UBSan.

The package is installed into build/sanitizers/tree beside a copy of the tests; Python
and NEURON are those that run this, so the sanitizers' libraries are loaded before them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "sanitizers"
TREE = HOME / "tree"
# vptr: the fan-out gives NEURON's sources a table of functions of its own.
FLAGS = "-O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=vptr"
REPORT = f"log_path={HOME / 'report'}"
OPTIONS = {
    # leaks: Python and NEURON keep what they made until the process ends
    "ASAN_OPTIONS": f"detect_leaks=0:abort_on_error=1:{REPORT}",
    "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:{REPORT}",
}
TESTS = [
    "engine",
    "engine_input",
    "engine_rows",
    "engine_state",
    "feedback",
    "variants",
    "wires",
    "tree",
    "cuda",
    "device_arrays",
    "launch",
    "coupling",
    "coupling_state",
    "swap",
    "limits",
    "inputs",
    "refused_netcons",
    "clamp",
    "recording",
    "fan_out",
    "population",
    "state",
    "users_ways",
    "hoc",
]
LEFT_OUT = {
    "leaks_nothing": "ASan keeps freed memory, so that resident memory grows",
}


def sanitizers(names: list[str]) -> dict:
    """Build, run the tests of these names, and count."""
    build()
    env = environment()
    refuse_usual_build(env)
    for old in HOME.glob("report.*"):
        old.unlink()
    chosen = [f"tests/test_{name}.py" for name in names]
    spared = " or ".join(LEFT_OUT)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-k", f"not ({spared})", *chosen]
    log = HOME / "tests.log"
    with log.open("w") as out:
        code = subprocess.run(command, env=env, cwd=TREE, stdout=out, stderr=out)
    last = log.read_text().rstrip().rpartition("\n")[2]
    reports = [path.read_text() for path in HOME.glob("report.*")]
    print("\n".join([*reports, last]), flush=True)
    found = re.findall(r"(\d+) (passed|failed|skipped|deselected|errors?)", last)
    return {
        "passed": code.returncode == 0 and not reports,
        "flags": FLAGS,
        "files": names,
        **{f"tests_{name}": int(n) for n, name in found},
        "reports": [text[:2000] for text in reports],
        "left_out": LEFT_OUT,
        "log": str(log.relative_to(ROOT)),
    }


def refuse_usual_build(env: dict[str, str]) -> None:
    """Stop unless the tests would import the modules that were built here."""
    where = "from ann_backend import _engine, _neuron as n; print(_engine.__file__)"
    command = [sys.executable, "-c", f"{where}; print(n.__file__)"]
    done = subprocess.run(command, env=env, cwd=TREE, capture_output=True, text=True)
    files = [Path(line) for line in done.stdout.splitlines() if line.endswith(".so")]
    if len(files) != 2 or any(b"__asan_init" not in f.read_bytes() for f in files):
        raise SystemExit(f"expected modules with ASan, got {done.stdout}{done.stderr}")


def build() -> None:
    """Install the package and copy the tests; what did not change is not built anew."""
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(TREE, ignore_errors=True)
    print("sanitizers: building csrc/", flush=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    command += ["--target", str(TREE), "-C", f"build-dir={HOME / 'cmake'}"]
    command += ["-C", "cmake.build-type=Debug", str(ROOT)]
    flags = {"CXXFLAGS": FLAGS, "ANN_CUDA": "OFF"}
    subprocess.run(command, env=os.environ | flags, check=True)
    shutil.copytree(ROOT / "tests", TREE / "tests")
    shutil.copy(ROOT / "pyproject.toml", TREE)
    # an editable install's finder would find the usual build first
    (TREE / "_editable_skbc_ann_backend.py").touch()


def environment() -> dict[str, str]:
    """Variables: the sanitizers' libraries come first, the package from the tree."""
    names = ("libasan.so", "libstdc++.so")
    libraries = " ".join(map(library, names))
    warm = "import ann_backend; ann_backend.load('HH')"  # compiles without sanitizers
    subprocess.run([sys.executable, "-c", warm], check=True, stdout=subprocess.DEVNULL)
    paths = {"PYTHONPATH": str(TREE), "LD_PRELOAD": libraries}
    return os.environ | OPTIONS | paths


def library(name: str) -> str:
    """Where the compiler has a library."""
    command = ["g++", f"-print-file-name={name}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()).resolve())
