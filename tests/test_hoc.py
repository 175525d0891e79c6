"""The same verbs from hoc: nrniv script.hoc, nrniv -python, h.load_file."""

import subprocess
import sys
from pathlib import Path

import pytest
import random_network

import ann_backend
from ann_backend import bundle
from ann_backend.bundle import Synapse
from ann_backend.nrn import h
from ann_backend.template import fingerprint

NRNIV = Path(sys.executable).parent / "nrniv"

SCRIPT = """
load_file("stdrun.hoc")
load_file("ann_backend.hoc")
ann_load("HH")
objref cells[2], synapse, source, netcon, detector, spikes, nil
cells[0] = ann_replace("HH", "{bundle}")
cells[1] = new HH()
cells[1] = ann_replace(cells[1], "{bundle}")
cells[0].soma synapse = new ann_AMPA(0.5)
source = new NetStim()
source.number = 10
netcon = new NetCon(source, synapse, 0, 1, 0.002)
spikes = new Vector()
cells[0].soma detector = new NetCon(&v(0.5), nil)
detector.threshold = 0
detector.record(spikes)
tstop = 50
run()
ann_report()
ann_restore()
run()
ann_report()
printf("done at %g\\n", t)
quit()
"""


@pytest.fixture(scope="module")
def hh_bundle(tmp_path_factory):
    cell = ann_backend.load("HH")()
    manifest = random_network.manifest()
    ampa = Synapse(mechanism="ann_AMPA", parameters={"tau": 2.0, "e": 0.0})
    change = {"name": "AMPA", "synapses": [ampa]}
    channels = [c.model_copy(update=change) for c in manifest.channels]
    change = {"cell": fingerprint(cell, -65.0, h.celsius), "channels": channels}
    manifest = manifest.model_copy(update=change)
    path = tmp_path_factory.mktemp("hoc") / "random.safetensors"
    return bundle.save(path, manifest, random_network.tensors())


def run(command, tmp_path):
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def check(done):
    assert "done at 50" in done.stdout, done.stdout + done.stderr
    assert "2 cells replaced" in done.stdout
    assert "0 cells replaced" in done.stdout
    assert "1 -> AMPA" in done.stdout


def test_nrniv_runs_a_hoc_script(hh_bundle, tmp_path):
    (tmp_path / "script.hoc").write_text(SCRIPT.format(bundle=hh_bundle))
    check(run([NRNIV, "script.hoc"], tmp_path))


def test_nrniv_python_runs_a_hoc_script(hh_bundle, tmp_path):
    (tmp_path / "script.hoc").write_text(SCRIPT.format(bundle=hh_bundle))
    check(run([NRNIV, "-python", "script.hoc"], tmp_path))


def test_load_file_from_python_runs_a_hoc_script(hh_bundle, tmp_path):
    (tmp_path / "script.hoc").write_text(SCRIPT.format(bundle=hh_bundle))
    code = "from neuron import h; h.load_file('script.hoc')"
    check(run([sys.executable, "-c", code], tmp_path))


def test_an_unknown_template_is_refused_in_hoc(tmp_path):
    (tmp_path / "script.hoc").write_text(
        'load_file("ann_backend.hoc")\nann_replace("Nope")\n'
    )
    done = run([NRNIV, "script.hoc"], tmp_path)
    assert "expected the name of a template, got 'Nope'" in done.stdout + done.stderr
