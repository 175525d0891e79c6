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
from ann_backend.train.listen import listen  # noqa: E402
from ann_backend.train.model import Network  # noqa: E402
from ann_backend.train.shape import Shape  # noqa: E402

FOUND = Spiking(0.5, 3.0, 2.0)


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    request = Request(cell=HH, split="train", seed=5, trials=8, duration_ms=500, rows=8)
    return generate(request, tmp_path_factory.mktemp("l"), quiet=True).trials


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    shape = Shape(mix=5, hidden=8, layers=1, head=5)
    found = Network(HH, shape, cable.cable(HH))
    found.head2.bias.data[0] = 0.0  # it fires often
    return found


def rng():
    return np.random.default_rng(3)


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


def test_uncalibrated_all_hear_the_teacher(network, trials):
    found = listen(network, trials, None, 1.0, rng(), 1)
    assert found == [t.spikes.tolist() for t in trials]


def test_at_the_end_half_hear_what_the_network_does(network, trials):
    found = listen(network, trials, FOUND, 1.0, rng(), 2)
    make = runner(network, HH, FOUND)
    own = free_run(make, [t.events for t in trials], 500, quiet=True).spikes
    kinds = [
        (f == o.tolist(), f == t.spikes.tolist())
        for f, o, t in zip(found, own, trials, strict=True)
    ]
    assert set(kinds) == {(True, False), (False, True)}
    assert found == listen(network, trials, FOUND, 1.0, rng(), 1)


def test_at_the_start_all_hear_the_teacher(network, trials):
    found = listen(network, trials, FOUND, 0.0, rng(), 1)
    assert found == [t.spikes.tolist() for t in trials]


def test_a_network_without_a_tree_hears_nothing_of_its_own(trials):
    shape = Shape(tree=False, units=4, mix=0, hidden=8, layers=1, head=5)
    found = listen(Network(HH, shape), trials, FOUND, 1.0, rng(), 1)
    assert found == [t.spikes.tolist() for t in trials]
