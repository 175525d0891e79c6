"""What a network in training hears of spikes."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ann_backend.train import axon, cable  # noqa: E402
from ann_backend.train.cell import HH  # noqa: E402
from ann_backend.train.dataset import Request, generate  # noqa: E402
from ann_backend.train.events import Events  # noqa: E402
from ann_backend.train.export import Spiking, runner  # noqa: E402
from ann_backend.train.free_run import free_run  # noqa: E402
from ann_backend.train.listen import NEAR_MS, listen  # noqa: E402
from ann_backend.train.model import Network  # noqa: E402
from ann_backend.train.shape import Shape  # noqa: E402

FOUND = Spiking(0.5, 3.0, 20.0)


@pytest.fixture(scope="module")
def trials(hh, tmp_path_factory):
    request = Request(cell=hh, split="train", seed=5, trials=8, duration_ms=500, rows=8)
    return generate(request, tmp_path_factory.mktemp("l"), quiet=True).trials


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    shape = Shape(mix=5, hidden=8, layers=1, head=5)
    found = Network(HH, shape, cable.cable(HH))
    found.head2.bias.data[0] = 0.0  # it fires often
    return found


def test_a_spike_is_heard_1_ms_later_in_every_branch_but_the_soma():
    cell = dataclasses.replace(HH, branch_parents=(-1, 0))
    given = Events(np.array([1.0, 3.0]), np.int16([0, 2]), np.float32([0.1, 0.2]))
    found = axon.heard(cell, given, [0.25, 1.5])
    assert found.t.tolist() == [1.0, 1.25, 1.25, 2.5, 2.5, 3.0]
    assert found.channel.tolist() == [0, 3, 4, 3, 4, 2]
    np.testing.assert_allclose(found.weight, [0.1, 1.0, 1.0, 1.0, 1.0, 0.2])
    assert [c.location for c in axon.channels(cell)[3:]] == ["dendrite", "axon"]


def test_the_axon_is_one_branch_more_with_its_own_channel(network):
    *cells, own = axon.channels(HH)
    assert cells == list(HH.channels)
    assert len(network.of) == len(HH.channels) + 1
    assert network.tree.parents.tolist() == [-1, 0]
    assert (own.branch, own.location) == (1, "axon")


def heard(network, trials, spiking=FOUND, *, own=0.0, threads=1):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ann_backend.train.listen.OWN", own)
        return listen(network, trials, spiking, np.random.default_rng(3), threads)


@pytest.fixture(scope="module")
def alone(network, trials):
    """What the network fires when it runs freely."""
    make = runner(network, HH, FOUND)
    ran = free_run(make, [t.events for t in trials], 500, quiet=True)
    return [spikes.tolist() for spikes in ran.spikes]


def test_uncalibrated_all_hear_the_teacher(network, trials):
    told = [t.spikes.tolist() for t in trials]
    assert heard(network, trials, None, own=1.0) == told


def test_a_spike_is_heard_when_the_network_has_it_if_that_is_near(
    network, trials, alone
):
    found = heard(network, trials)
    kinds = set()
    for told, mine, trial in zip(found, alone, trials, strict=True):
        assert len(told) == len(trial.spikes)
        for spike, true in zip(told, trial.spikes, strict=True):
            assert abs(spike - true) <= NEAR_MS + 1e-9
            kinds.add("own" if spike in mine else "teacher's")
            assert spike in mine or spike == true
    assert kinds == {"own", "teacher's"}


def test_nothing_is_heard_that_the_teacher_has_not(network, trials):
    silent = [dataclasses.replace(t, spikes=np.empty(0)) for t in trials]
    assert heard(network, silent) == [[] for _ in trials]


def test_a_share_of_the_trials_hears_all_of_the_networks_own(network, trials, alone):
    assert heard(network, trials, own=1.0) == alone
    some = [
        told == mine
        for told, mine in zip(heard(network, trials, own=0.5), alone, strict=True)
    ]
    assert set(some) == {True, False}


def test_what_is_heard_is_the_same_on_any_number_of_threads(network, trials):
    one, two = (heard(network, trials, own=0.5, threads=n) for n in (1, 2))
    assert one == two


def test_a_network_without_a_tree_hears_nothing_of_its_own(trials):
    shape = Shape(tree=False, units=4, mix=0, hidden=8, layers=1, head=5)
    found = heard(Network(HH, shape), trials)
    assert found == [t.spikes.tolist() for t in trials]
