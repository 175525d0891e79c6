"""The bundles that ship: the engine runs them as torch does, and NEURON sees spikes."""

import numpy as np
import pytest
from reference import reference_outputs, reference_spikes, reference_traces, run, trials

import ann_backend
from ann_backend import bundle, metrics, paths
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")

SHIPPED = sorted(paths.bundle_dir().glob("*.safetensors"))
h.load_file("stdrun.hoc")


def events_like_training(manifest, rows, bins):
    """Irregular events in every channel, weights over the training range."""
    per_bin = 0.6 if len(manifest.channels) < 10 else 8.0
    found = trials(rows, bins, C=len(manifest.channels), per_bin=per_bin)
    rng = np.random.default_rng(2)
    low, high = np.array([c.weight_uS for c in manifest.channels]).T
    made = []
    for row, channel, _, t in found:
        share = rng.random(len(t)) ** 2
        weight = low[channel] + share * (high - low)[channel]
        made.append((row, channel, weight, t))
    return made


def with_own(bins, spikes, channel):
    """The events, and 1 ms after each spike what a network hears of it."""
    heard = [[[], [], [], []] for _ in bins]
    for row, t in spikes:
        if t + 1.0 < len(bins):
            for part, x in zip(
                heard[int(t) + 1], (row, channel, 1.0, t + 1), strict=True
            ):
                part.append(x)
    return [
        [np.concatenate(pair) for pair in zip(bin_, map(np.array, own), strict=True)]
        if own[0]
        else bin_
        for bin_, own in zip(bins, heard, strict=True)
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_engine_equals_torch_over_10000_bins(path):
    loaded = bundle.load(path)
    readout = loaded.manifest.readout.model_dump()
    bins = events_like_training(loaded.manifest, 4, 10_000)
    outputs, _, spikes = run(loaded.engine(4), bins)
    if loaded.manifest.sizes.feedback:
        bins = with_own(bins, spikes, len(loaded.manifest.channels))
    named = {k: v.copy() for k, v in loaded.tensors.items()}
    traces = reference_traces(named, 4, bins)
    expected = reference_outputs(named, traces, loaded.manifest.sizes.parents)
    scale = np.maximum(abs(expected), expected.std(axis=(0, 1)))
    assert (abs(outputs - expected) / scale).max() <= 1e-4
    found = reference_spikes(expected, readout)
    assert len(found) > 50
    assert [row for row, _ in spikes] == [row for row, _ in found]
    np.testing.assert_allclose([t for _, t in spikes], [t for _, t in found], atol=1e-3)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_its_manifest_says_how_it_was_made_and_how_good_it_is(path):
    manifest = bundle.load(path).manifest
    assert manifest.training.command.startswith("python -m ann_backend train")
    assert manifest.training.data_hours > 0
    assert manifest.licence == "BSD-3-Clause"
    for key in ("auc", "f1_1ms", "f1_2ms", "variance_explained", "floor"):
        assert key in manifest.fidelity
    assert path.stat().st_size < 4e6


class Driven:
    """A cell with irregular AMPA and GABA_A inputs; its Vm and spikes recorded."""

    def __init__(self, cell):
        self.cell, self.keep = cell, []
        for k, (mechanism, weight, rate) in enumerate(
            [(h.ann_AMPA, 0.0015, 150), (h.ann_GABAA, 0.003, 100)]
        ):
            synapse, source = mechanism(cell.soma(0.5)), h.NetStim()
            source.start, source.number, source.noise = 0, 1e9, 1
            source.interval = 1000 / rate
            source.noiseFromRandom123(7, k, 0)
            netcon = h.NetCon(source, synapse, 0, 1, weight)
            self.keep.append((synapse, source, netcon))
        v = cell.soma(0.5)._ref_v
        self.detector = h.NetCon(v, None, sec=cell.soma)
        self.detector.threshold = 0
        self.spikes = h.Vector()
        self.detector.record(self.spikes)
        self.v, self.t = h.Vector().record(v), h.Vector().record(h._ref_t)

    def run(self, tstop):
        for k, (_, source, _) in enumerate(self.keep):
            source.noiseFromRandom123(7, k, 0)
            source.seed(1)
        h.finitialize(-65)
        h.continuerun(tstop)
        return np.array(self.t), np.array(self.v), np.array(self.spikes)


def test_hh_fires_with_its_cell_and_efel_sees_the_same_spikes():
    efel = pytest.importorskip("efel")
    ann_backend.load("HH")
    driven = Driven(h.HH())
    truth = driven.run(5000)
    ann_backend.replace(driven.cell)  # by fingerprint
    t, v, spikes = driven.run(5000)
    assert len(truth[2]) >= 20
    assert metrics.f1_pooled([spikes], [truth[2]], 2.0) >= 0.9
    trace = {"T": t, "V": v, "stim_start": [0], "stim_end": [5000]}
    efel.set_setting("Threshold", 0.0)
    seen = efel.get_feature_values([trace], ["peak_time"])[0]["peak_time"]
    assert len(seen) == len(spikes)
    behind = seen - spikes  # the peak comes after the crossing of the threshold
    assert behind.min() > 0
    assert behind.max() < 2


def test_spikes_do_not_depend_on_the_number_of_threads():
    ann_backend.load("HH")
    driven = [Driven(h.HH()) for _ in range(40)]  # more than one thread's share
    ann_backend.replace([d.cell for d in driven])
    found = []
    for threads in (1, 3):
        ann_backend.use("cpu", threads=threads)
        driven[0].run(500)
        found.append([list(d.spikes) for d in driven])
    assert found[0] == found[1]
    assert sum(map(len, found[0])) > 50
