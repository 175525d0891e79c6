"""The long tests' command: it finds what it is for, and runs."""

import json
import sys

import numpy as np
import pytest
from slow import command, fuzz, soak

CRASHES = """
import json, os, sys
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    if seed == 13:
        os.abort()
    why = "a difference" if seed == 4 else ""
    case = {"seed": seed, "kind": "made up", "counts": {"events": 2}, "why": why}
    print("noise", json.dumps(case), flush=True)
"""


def test_the_fuzz_names_seeds_that_differ_or_crash_and_goes_on(tmp_path, monkeypatch):
    script = tmp_path / "child.py"
    script.write_text(CRASHES)
    monkeypatch.setattr(fuzz, "CHILD", [sys.executable, str(script)])
    found = fuzz.fuzz(20, 0)
    assert not found["passed"]
    assert found["events"] == 2 * 19
    differs, crashed = found["failures"]
    assert (differs["seed"], differs["why"]) == (4, "a difference")
    assert differs["repeat"] == "python tests/slow/fuzz.py 0 5"
    assert crashed["seed"] == 13
    assert "the child ended with -6" in crashed["why"]
    assert crashed["repeat"] == "python tests/slow/fuzz.py 10 14"


def test_the_soak_finds_a_drift_a_row_that_died_and_a_growth():
    at = np.linspace(1000, 601_000, soak.SAMPLES + 1)
    spikes = np.random.default_rng(1).poisson(150, (soak.SAMPLES, 100))
    assert soak.judged_rate(spikes, at)["passed"]
    drift = np.linspace(0.99, 1.01, soak.SAMPLES)[:, None]
    assert abs(soak.judged_rate(spikes * drift, at)["rate_z"]) > soak.Z_ALL
    died = spikes.copy()
    died[soak.SAMPLES * 3 // 4 :, 7] = 0
    assert soak.judged_rate(died, at)["worst_row_z"] > soak.Z_ROW
    assert not soak.judged_rate(0 * spikes, at)["passed"]
    flat = np.full(soak.SAMPLES + 1, 70.0)
    assert soak.judged_memory(flat)["passed"]
    assert not soak.judged_memory(np.linspace(70, 75, len(flat)))["passed"]


def test_parts_are_kept_beside_each_other_in_the_dated_file(tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    for part in (["fuzz", "--cases", "2"], ["soak", "--minutes", "0.02"]):
        argv = ["run_slow", *part, "--rows", "20", "--json", str(out)]
        monkeypatch.setattr(sys, "argv", argv)
        assert command.main() == 0
    kept = json.loads(out.read_text())
    assert kept["fuzz"]["kinds"] == {"network": 1, "raising": 1}
    assert kept["fuzz"]["flown"] > 100
    assert kept["soak"]["command"].endswith("soak --minutes 0.02 --rows 20 --seed 0")
    assert kept["soak"]["spikes"] > 100


def test_unknown_parts_and_sizes_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run_slow", "nap"])
    with pytest.raises(SystemExit):
        command.main()
    said = capsys.readouterr().err
    assert "expected parts of sanitizers, fuzz, soak, got nap" in said
