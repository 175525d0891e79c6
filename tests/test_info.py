"""Commands that describe: info, models, doctor."""

import json
import subprocess

import pytest

from ann_backend import paths
from ann_backend.__main__ import main
from ann_backend.bundle import load
from ann_backend.cli import doctor

HH = paths.bundle_dir() / "HH.safetensors"


def command(tmp_path, *args):
    out = tmp_path / "out.json"
    status = main([*map(str, args), "--json", str(out)])
    return status, json.loads(out.read_text()) if out.exists() else None


def test_info_says_what_a_bundle_takes_and_costs(tmp_path, capsys):
    status, result = command(tmp_path, "info", "HH")
    manifest = load(HH).manifest
    assert status == 0
    assert result["manifest_sha256"] == manifest.manifest_sha256
    assert [x["channels"] for x in result["inputs"]] == [1, 1, 1]
    assert result["inputs"][0]["synapse"] == "ann_AMPA (e 0, tau 2)"
    assert result["inputs"][0]["also"] == "ExpSyn"
    assert result["inputs"][0]["weight_max"] == manifest.channels[0].weight_uS[1]
    assert result["fidelity"] == json.loads(manifest.model_dump_json())["fidelity"]
    text = capsys.readouterr().out
    (line,) = [x.split() for x in text.splitlines() if x.split()[:1] == ["f1_2ms"]]
    values = manifest.fidelity, manifest.fidelity["floor"]
    assert line[1:3] == [f"{each['f1_2ms']:.4g}" for each in values]
    assert "tensors_sha256" in text
    assert "begun_from" not in text  # it began with random weights
    assert "ann_GABAA" in text


def test_info_counts_the_multiply_adds_of_a_millisecond(tmp_path):
    _, result = command(tmp_path, "info", HH)
    s = load(HH).manifest.sizes
    units = s.branches * s.units
    per_branch = s.groups // s.branches * s.kernels
    front = s.taps * s.branches * per_branch * s.units + units * s.mix
    first = (s.mix or units) + s.hidden
    lstm = 4 * s.hidden * (first + (s.layers - 1) * 2 * s.hidden)
    dense = front + lstm + s.hidden * s.head + 3 * s.head
    assert result["cost"]["mac_per_ms"] == dense + s.groups * s.kernels
    assert result["cost"]["mac_per_event"] == s.kernels
    assert result["cost"]["us_per_neuron_ms"] > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.safetensors", "expected a readable bundle file"),
        ("Nobody", "expected a path to a .safetensors file or a known name (HH"),
    ],
)
def test_info_names_a_bundle_that_is_not_there(tmp_path, capsys, name, message):
    status, result = command(tmp_path, "info", name)
    assert (status, result) == (1, None)
    assert message in capsys.readouterr().err


def test_models_lists_what_ships_and_what_is_named(tmp_path, capsys):
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(HH.read_bytes())
    status, result = command(tmp_path, "models", mine)
    assert status == 0
    first, shipped = result["models"][0], result["models"][1:]
    assert (first["origin"], first["file"]) == ("registered", str(mine))
    row = next(r for r in shipped if r["name"] == "HH")
    assert row["cell"] == load(HH).manifest.cell["digest"]
    assert row["auc"] > 0.99
    assert row["error"] is None
    assert "mine.safetensors" in capsys.readouterr().out


def test_models_refuses_a_named_file_that_is_damaged(tmp_path, capsys):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(HH.read_bytes()[:-9])
    status, _ = command(tmp_path, "models", broken)
    assert status == 1
    assert "expected a whole safetensors file" in capsys.readouterr().err


def test_models_lists_a_shipped_bundle_that_is_damaged(tmp_path, monkeypatch):
    (tmp_path / "Old.safetensors").write_bytes(b"nothing")
    monkeypatch.setattr(paths, "bundle_dir", lambda: tmp_path)
    status, result = command(tmp_path, "models")
    assert status == 0
    assert result["models"][0]["name"] == "Old"
    assert "expected a whole safetensors file" in result["models"][0]["error"]


@pytest.mark.slow
def test_doctor_finds_this_installation_well(tmp_path, capsys):
    status, result = command(tmp_path, "doctor")
    assert status == 0, result
    found = {c["check"]: c["state"] for c in result["checks"]}
    for name in ("NEURON", "compiler", "bundles", "engine", "mechanisms", "coupling"):
        assert found[name] == "ok"
    assert "all that is needed works" in capsys.readouterr().out


def test_doctor_says_what_to_do_about_what_fails(tmp_path, monkeypatch, capsys):
    home = tmp_path / "file"
    home.write_text("")
    monkeypatch.setenv("ANN_BACKEND_CACHE", str(home / "cache"))
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor, "_alone", lambda *_: None)
    status, result = command(tmp_path, "doctor")
    assert status == 1
    assert not result["ok"]
    bad = {c["check"]: c["todo"] for c in result["checks"] if c["state"] == "failed"}
    assert bad.keys() == {"compiler", "cache"}
    assert "build-essential" in bad["compiler"]
    assert "ANN_BACKEND_CACHE" in bad["cache"]
    assert "something needed fails" in capsys.readouterr().out


def test_doctor_shows_the_last_lines_of_what_failed_in_a_process_of_its_own():
    with pytest.raises(doctor.CheckError) as caught:
        doctor._alone("raise SystemExit('the reason')", "do this")
    assert caught.value.todo == "the reason\ndo this"


def test_a_hung_process_is_given_up(monkeypatch):
    def hang(*_, timeout, **__):
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    with pytest.raises(doctor.CheckError, match="not done after 300 s"):
        doctor._alone("", "do this")


def test_info_lists_the_commands_of_the_bundles_that_one_began_with(tmp_path, capsys):
    _, result = command(tmp_path, "info", "L5PC")
    text = capsys.readouterr().out
    _, before = text.split("begun_from:")
    named = result["training"]["ranges"]["begun_from"]["command"]
    assert named in before.splitlines()[2]
    assert "begun_from." not in text
