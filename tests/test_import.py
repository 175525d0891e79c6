"""Importing the package is silent and light: one fresh interpreter says so."""

import json
import os
import subprocess
import sys

PROBE = """
import json, os, sys
before = set(os.listdir(os.environ["XDG_CACHE_HOME"]))
import ann_backend
opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
          if os.path.exists(f"/proc/self/fd/{fd}")]
mapped = open("/proc/self/maps").read()
json.dump({
    "modules": sorted(sys.modules),
    "built": sorted(set(os.listdir(os.environ["XDG_CACHE_HOME"])) - before),
    "gpu": [path for path in opened if "nvidia" in path] + ["cuda"] * (
        "libcuda" in mapped),
}, open(sys.argv[1], "w"))
"""


def probe(folder):
    out = folder / "out.json"
    cache = folder / "cache"
    cache.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(out)],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done, json.loads(out.read_text())


def test_import_prints_nothing(tmp_path):
    done, _ = probe(tmp_path)
    assert done.stdout == ""
    assert done.stderr == ""


def test_import_compiles_nothing(tmp_path):
    _, seen = probe(tmp_path)
    assert seen["built"] == []


def test_import_loads_neither_torch_nor_the_training_line(tmp_path):
    _, seen = probe(tmp_path)
    heavy = ("torch", "matplotlib", "sklearn", "h5py", "cupy", "ann_backend.train")
    assert [name for name in heavy if name in seen["modules"]] == []


def test_import_opens_no_gpu(tmp_path):
    _, seen = probe(tmp_path)
    assert seen["gpu"] == []
