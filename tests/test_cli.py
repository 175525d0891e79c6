"""The command line: help, JSON, and messages that say what to do."""

import json
import os
import re
import subprocess
import sys

import pytest

from ann_backend.__main__ import main
from ann_backend.cli.text import render

DEMO_KEYS = {
    "spikes_neuron",
    "spikes_ann",
    "f1_2ms",
    "vm_rmse_mV",
    "speedup",
    "figure",
}

MODEL = """
import sys
from neuron import h
import ann_backend
h.load_file("stdrun.hoc")
ann_backend.load("HH")
cell = ann_backend.replace(h.HH)
synapse = h.ann_AMPA(cell.soma(0.5))
source = h.NetStim()
source.start, source.interval, source.number, source.noise = 0, 6, 1e9, 1
source.noiseFromRandom123(7, 0, 0)
source.seed(1)
netcon = h.NetCon(source, synapse, 0, 1, 0.003)
def run(ms):
    source.seed(1)
    h.finitialize(-65)
    h.continuerun(ms)
"""


def command(*args, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "ann_backend", *map(str, args)],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def compare(tmp_path, text, *args, suffix=".py"):
    script = tmp_path / f"script{suffix}"
    script.write_text(text)
    out = tmp_path / "out.json"
    done = command("compare", "--json", out, script, *args, cwd=tmp_path)
    result = json.loads(out.read_text()) if out.exists() else None
    return done, result


def test_help_names_every_command(tmp_path):
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0
    for name in ("train", "compare", "demo"):
        assert re.search(rf"^ +{name} +\w", done.stdout, re.MULTILINE)


def test_no_command_is_a_usage_error(tmp_path):
    done = command(cwd=tmp_path)
    assert done.returncode == 2
    assert "COMMAND" in done.stderr


def test_a_command_names_the_package_that_it_lacks(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if not installed
    monkeypatch.delitem(sys.modules, "ann_backend.train.pipeline", raising=False)
    monkeypatch.delitem(sys.modules, "ann_backend.train.fit", raising=False)
    assert main(["train", "HH"]) == 1
    assert 'package torch, got none; pip install "ann_backend[train]"' in (
        capsys.readouterr().err
    )


def test_a_result_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    assert main(["info", "HH", "--json", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "--json: expected a file to write, got folder" in said.err
    assert not said.out


def test_render_lays_scalars_and_tables_out():
    text = render({"a": 1, "b": {"c": 0.123456}, "rows": [{"x": 1, "y": None}]})
    assert text.splitlines() == ["a    1", "b.c  0.1235", "", "rows:", "x  y", "1  -"]


def test_compare_names_a_missing_script(tmp_path):
    done = command("compare", "nowhere.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "expected a Python or hoc script, got 'nowhere.py'" in done.stderr
    assert "Traceback" not in done.stderr


def test_compare_shows_the_error_of_a_script_that_fails(tmp_path):
    done, result = compare(tmp_path, "print(1)\nraise ValueError('my own mistake')\n")
    assert done.returncode == 1
    assert result is None
    assert "failed with backend 'neuron' (exit status 1)" in done.stderr
    message = done.stderr.split("Its last lines:")[1]
    assert "line 2" in message
    assert "ValueError: my own mistake" in message


def test_compare_shows_the_error_of_a_hoc_script_that_fails(tmp_path):
    done, _ = compare(tmp_path, "x = nonsense(3)\n", suffix=".hoc")
    assert done.returncode == 1
    assert "nonsense" in done.stderr.split("Its last lines:")[1]


def test_compare_takes_a_nonzero_exit_for_a_failure(tmp_path):
    done, _ = compare(tmp_path, "import sys\nsys.exit(3)\n")
    assert done.returncode == 1
    assert "exit status 3" in done.stderr


def test_compare_refuses_a_script_that_replaces_nothing(tmp_path):
    done, _ = compare(tmp_path, "from neuron import h\nh.finitialize(-65)\n")
    assert done.returncode == 1
    assert "replaced no cell" in done.stderr
    assert "ann_backend.replace(...)" in done.stderr


def test_compare_refuses_a_script_that_never_runs(tmp_path):
    done, _ = compare(tmp_path, MODEL)
    assert done.returncode == 1
    assert "took no time step" in done.stderr


def test_compare_refuses_models_that_differ_between_backends(tmp_path):
    text = MODEL + (
        "import os\n"
        "if os.environ['ANN_BACKEND'] == 'neuron':\n"
        "    other = ann_backend.replace(h.HH)\n"
        "run(50)\n"
    )
    done, _ = compare(tmp_path, text)
    assert done.returncode == 1
    assert "2 cells with backend 'neuron' and 1 with 'auto'" in done.stderr


@pytest.mark.parametrize("end", ["", "sys.exit()", "h.quit()", "h('quit()')"])
def test_compare_survives_the_ways_a_script_ends(tmp_path, end):
    done, result = compare(tmp_path, MODEL + f"run(500)\n{end}\n")
    assert done.returncode == 0, done.stderr
    assert result["biological_s"] == 0.5
    assert result["spikes_neuron"] > 5


def test_compare_passes_arguments_on_and_keeps_its_own(tmp_path):
    text = MODEL + "run(float(sys.argv[2]))\nassert sys.argv[1] == '--ms', sys.argv\n"
    done, result = compare(tmp_path, text, "--ms", "200", "--figure", "mine.png")
    assert done.returncode == 0, done.stderr
    assert result["biological_s"] == 0.2
    assert result["figure"] == "mine.png"
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")


def test_compare_puts_several_runs_one_after_the_other(tmp_path):
    _, once = compare(tmp_path, MODEL + "run(500)\n")
    done, twice = compare(tmp_path, MODEL + "run(500)\nrun(500)\n")
    assert done.returncode == 0, done.stderr
    assert twice["biological_s"] == 1.0
    assert twice["spikes_neuron"] == 2 * once["spikes_neuron"]
    assert twice["spikes_ann"] == 2 * once["spikes_ann"]
    assert twice["vm_rmse_mV"] == pytest.approx(once["vm_rmse_mV"], rel=1e-3)


def test_compare_leaves_the_script_its_own_recordings(tmp_path):
    text = MODEL + (
        "spikes = h.Vector()\n"
        "detector = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)\n"
        "detector.record(spikes)\n"
        "run(500)\n"
        "print('its own:', len(spikes))\n"
    )
    done, result = compare(tmp_path, text)
    assert f"[neuron] its own: {result['spikes_neuron']}\n" in done.stderr
    assert f"[auto] its own: {result['spikes_ann']}\n" in done.stderr


def test_compare_is_exact_where_nothing_differs(tmp_path):
    switch = "import ann_backend\nann_backend.use('neuron')\n"
    text = MODEL.replace("import ann_backend\n", switch) + "run(500)\n"
    done, result = compare(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert result["f1_0.5ms"] == 1.0
    assert result["vm_rmse_mV"] == 0.0


def test_compare_runs_hoc(tmp_path):
    text = """
        load_file("stdrun.hoc")
        load_file("ann_backend.hoc")
        ann_load("HH")
        objref cell, synapse, source, netcon
        cell = ann_replace("HH")
        cell.soma synapse = new ann_AMPA(0.5)
        source = new NetStim()
        source.start = 1
        source.interval = 12
        source.number = 1e9
        netcon = new NetCon(source, synapse, 0, 1, 0.008)
        tstop = 300
        run()
        quit()
    """
    done, result = compare(tmp_path, text, suffix=".hoc")
    assert done.returncode == 0, done.stderr
    assert result["cells"][0]["cell"] == "HH[0]"
    assert result["biological_s"] == 0.3
    assert result["spikes_neuron"] > 5


@pytest.mark.slow
def test_demo_reports_what_the_surrogate_fires(tmp_path):
    out = tmp_path / "demo.json"
    done = command("demo", "--json", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result.keys() >= DEMO_KEYS
    assert result["biological_s"] == 2
    assert result["spikes_neuron"] >= 100
    assert abs(result["spikes_ann"] / result["spikes_neuron"] - 1) < 0.1
    assert result["f1_5ms"] > 0.4  # spikes of the same rates by chance: 0.08
    assert (tmp_path / result["figure"]).read_bytes().startswith(b"\x89PNG")
