"""The bundle of L5PC that ships, on trials of its teacher that are stored with it."""

import dataclasses
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import stored_trials

from ann_backend import bundle, paths
from ann_backend.train import validate
from ann_backend.train.evidence import Drawn
from ann_backend.train.free_run import free_run
from ann_backend.train.tally import Response, scores, tally


@pytest.fixture(scope="module")
def shipped():
    return bundle.load(paths.bundle_dir() / "L5PC.safetensors")


@pytest.fixture(scope="module")
def trials():
    return stored_trials.read()


@pytest.fixture(scope="module")
def ours(shipped, trials):
    return free_run(
        shipped.engine, Drawn(trials), len(trials[0].v), threads=2, quiet=True
    )


@pytest.fixture(scope="module")
def found(shipped, trials, ours):
    v = np.stack([t.v for t in trials])
    teacher = Response(None, v, [t.spikes for t in trials])
    sums = tally(ours, teacher, clip_mV=shipped.manifest.readout.clip_mV)
    low, high = shipped.manifest.fidelity["at_usual_rates"]["range_Hz"]
    rate = sums.true / stored_trials.SECONDS
    return scores(sums, (rate >= low) & (rate <= high))


def stated(shipped):
    return shipped.manifest.fidelity["at_usual_rates"]


def test_the_stored_trials_are_small():
    assert stored_trials.FILE.stat().st_size < 1e6


# The trials that the manifest's figures are of: what they differ by is rounding.
@pytest.mark.parametrize("key", ["auc", "f1_1ms", "f1_2ms", "f1_5ms"])
def test_it_is_as_faithful_as_it_says(shipped, found, key):
    assert found[key] >= stated(shipped)[key] - 0.005


def test_its_voltage_is_as_near_as_it_says(shipped, found):
    assert found["vm_rmse_mV"] <= stated(shipped)["vm_rmse_mV"] + 0.02


def test_told_the_teachers_spikes_it_comes_nearer(shipped, trials, ours):
    some = trials[:16]
    true = Response(None, np.stack([t.v for t in some]), [t.spikes for t in some])
    part = SimpleNamespace(test=SimpleNamespace(trials=some))
    told = validate._told(shipped, part, true, quiet=True)
    free = scores(tally(ours.first(16), true, clip_mV=shipped.manifest.readout.clip_mV))
    assert told["auc"] > free["auc"]
    assert told["f1_2ms"] > free["f1_2ms"] + 0.05
    assert told["vm_rmse_mV"] < free["vm_rmse_mV"]
    assert 0 < told["at_usual_rates"]["trials"] <= 16


def test_told_its_own_spikes_it_does_the_same(shipped, trials, ours):
    some = [
        dataclasses.replace(t, spikes=train)
        for t, train in zip(trials, ours.spikes, strict=True)
        if len(train) > 20
    ][:4]
    make = partial(shipped.engine, feedback=False)
    again = free_run(make, Drawn(some, told=True), len(some[0].v), quiet=True)
    assert len(some) == 4
    for train, trial in zip(again.spikes, some, strict=True):
        np.testing.assert_array_equal(train, trial.spikes)
