"""A cell that is not ours: Allen's Scnn1a, as bmtk's wheel ships it (BSD-3)."""

import importlib.util
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from double import Replay, bundle_for, install

import ann_backend
from ann_backend import paths
from ann_backend.nrn import h, version

EXAMPLE = Path(__file__).parents[1] / "examples" / "scnn1a.py"
FOUND = importlib.util.find_spec("bmtk")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        FOUND is None, reason="needs: pip install --no-deps bmtk==1.2.0"
    ),
]


def scnn1a():
    """The perisomatic model 472363762 of examples/scnn1a.py, and its conditions."""
    example = runpy.run_path(str(EXAMPLE))
    if not hasattr(h, "Biophys1"):
        files = [paths.mod_dir() / f for f in example["CELL"].mod_files]
        h.nrn_load_dll(str(paths.mechanisms(files, version())))
    fit = json.loads(example["FIT"].read_text())
    return example["build"](), fit["conditions"][0]


def test_scnn1a_is_replaced_and_restored_exactly(monkeypatch):
    cell, conditions = scnn1a()
    h.celsius = conditions["celsius"]
    keep = []
    for i, x in enumerate((0.1, 0.5, 0.9)):
        synapse = h.ExpSyn(cell.dend[0](x))
        synapse.tau = 2
        stim = h.NetStim()
        stim.start, stim.interval, stim.number, stim.noise = 5 + i, 11.0, 20, 0
        keep.append((synapse, stim, h.NetCon(stim, synapse, 0, 0.3, 0.02)))
    soma = cell.soma[0]
    detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    detector.threshold = 0
    spikes = h.Vector()
    detector.record(spikes)
    v, t = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(h._ref_t)

    def run():
        h.finitialize(conditions["v_init"])
        while h.t < 150 - h.dt / 2:
            h.fadvance()
        return np.array(t), np.array(v), np.array(spikes)

    before = run()
    assert len(before[2]) >= 3
    replay = Replay()
    replay.record(*before)
    install(monkeypatch, replay)
    bundle = bundle_for(cell, v_init=conditions["v_init"], section="dend[0]")
    assert ann_backend.replace(cell, bundle=bundle) is cell
    after = run()
    np.testing.assert_array_equal(after[2], before[2])
    edges = np.searchsorted(before[0], np.arange(1, 150) - h.dt / 2)
    np.testing.assert_array_equal(after[1][edges], before[1][edges])
    report = ann_backend.report()
    assert report.cells[0].sections == len(list(cell.all))
    assert report.nodes_after < 5 < 100 < report.nodes_before
    ann_backend.restore(cell)
    for restored, original in zip(run(), before, strict=True):
        np.testing.assert_array_equal(restored, original)
    h.celsius = 6.3
    assert keep
