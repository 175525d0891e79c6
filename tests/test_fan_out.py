"""Events that NEURON's queue never sees come as they would from it, to the last bit."""

import gc

import numpy as np
import pytest
from mixed_network import CELLS, Network, load_mechanisms, played

from ann_backend.nrn import h

pytestmark = [
    pytest.mark.usefixtures("fresh"),
    pytest.mark.filterwarnings("ignore::ann_backend.errors.ApproximationWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _mechanisms():
    load_mechanisms()


def assert_same(monkeypatch, seed, run=Network.run, flown_at_least=500, **keys):
    """The plain path and the fan-out give one result; the fan-out was taken."""
    events, trains, state, none = played(monkeypatch, False, seed, run, **keys)
    fanned = played(monkeypatch, True, seed, run, **keys)
    assert len(events) > 500
    assert fanned[0] == events
    assert sum(map(len, trains[-CELLS:])) > 10
    for a, b in zip(trains, fanned[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert fanned[2] == state
    assert none == 0
    assert fanned[3] >= flown_at_least
    return fanned[3]


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_run_the_same_on_both_paths(monkeypatch, seed):
    assert_same(monkeypatch, seed, dt=[0.025, 0.1, 0.05][seed % 3])


def cut_and_grow(network):
    for run in range(3):
        if run:
            h.continuerun(h.t + 90)  # an event under way to a deleted NetCon is fatal
            h.finitialize(-65)
            for _ in range(20):
                network.drop(network.random.choice(network.netcons))
            for n in [n for n in network.netcons if n.pre() == network.stims[2]]:
                network.drop(n)  # NEURON stops on the delay of one without a source
            del network.stims[2], network.sources[2]
        network.run()


@pytest.mark.parametrize("seed", range(3))
def test_so_do_networks_cut_and_grown_between_runs(monkeypatch, seed):
    assert_same(monkeypatch, 100 + seed, cut_and_grow, dt=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_so_do_plastic_connections_with_their_states(monkeypatch, seed):
    assert_same(monkeypatch, 200 + seed, plastic=True, dt=[0.025, 0.1][seed % 2])


def stepped(act, prepare=None, end=40):
    """A run that lets `act(network, i)` do something at 60 times between steps."""

    def run(network):
        h.finitialize(-65)
        kept = prepare(network) if prepare else None
        stops = sorted(network.random.random() * end for _ in range(60))
        for i, stop in enumerate(stops):
            h.continuerun(stop)
            act(network, i, kept)
        h.continuerun(end)

    return run


def write(network, _, pointers):
    network.random.choice(pointers)[0] = network.weight()


def test_weights_written_through_pointers_count_from_then_on(monkeypatch):
    def keep(network):
        return [n._ref_weight[0] for n in network.netcons]

    assert_same(monkeypatch, 300, stepped(write, keep), dt=0.1)


def retarget(network, *_):
    netcon, target = network.random.choice(network.free), network.random_target()
    if netcon.syn() != target:  # NEURON itself crashes later on the same one twice
        netcon.setpost(target)
    network.random.choice(network.netcons).weight[0] = network.weight()


def test_connections_moved_during_a_run_take_their_events_along(monkeypatch):
    assert_same(monkeypatch, 301, stepped(retarget), dt=0.1)


def save(network, i, state):
    network.change()
    if i % 10 == 5:
        state.save()


def test_saved_states_hold_the_events_under_way(monkeypatch):
    assert_same(monkeypatch, 302, stepped(save, lambda _: h.SaveState()), dt=0.1)


def nothing(*_):
    pass


def learn(network):
    """Rules that write weights by POINTER; a weight that a Vector is played into."""
    network.rules = [h.Learner() for _ in range(4)]
    for rule, netcon in zip(network.rules, network.netcons[::20], strict=False):
        h.setpointer(netcon._ref_weight[0], "weight", rule)
        network.netcons.append(h.NetCon(network.trains_[0], rule, 0, 0.35, 1))
    network.played = h.Vector([0.01, 0.08, -0.02]), h.Vector([0, 11.3, 23.1])
    network.played[0].play(network.netcons[7]._ref_weight[0], network.played[1])
    h.finitialize(-65)


def test_weights_that_mechanisms_and_vectors_write_are_met_in_time(monkeypatch):
    assert_same(monkeypatch, 303, stepped(nothing, learn), dt=0.1)


def among_events(network):
    """Code that runs at a source's spike, and code tied to a point process."""

    def change():
        network.random.choice(network.netcons).weight[0] = network.weight()

    network.watched[0].record(change)


def test_code_that_runs_among_events_keeps_them_in_the_queue(monkeypatch):
    assert_same(monkeypatch, 304, stepped(nothing, among_events), 0, dt=0.1)


def at_spikes_of_cells(network):
    def change():
        network.random.choice(network.netcons).weight[0] = network.weight()

    network.watched[-1].record(change)
    network.watched[-CELLS - 1].record(change)


def test_code_that_runs_at_the_spikes_of_cells_does_not(monkeypatch):
    assert_same(monkeypatch, 305, stepped(nothing, at_spikes_of_cells), dt=0.1)


def gather(network):
    def change():
        if network.random.random() < 0.1:
            network.random.choice(network.netcons).weight[0] = network.weight()

    h.CVode().extra_scatter_gather(0, change)
    network.gathered = change


def test_code_that_runs_within_a_step_meets_the_events_by_then(monkeypatch):
    def run(network):
        stepped(nothing, gather)(network)
        h.CVode().extra_scatter_gather_remove(network.gathered)

    assert_same(monkeypatch, 306, run, dt=0.1)


def queue_mode(network, i, cvode):
    network.change()
    cvode.queue_mode(i % 20 >= 10)


def test_the_queue_mode_may_change_during_a_run(monkeypatch):
    assert_same(monkeypatch, 307, stepped(queue_mode, lambda _: h.CVode()), 100, dt=0.1)


def start_again(network):
    """A second finitialize from a spike's callback, with events under way."""
    runs = []

    def again():
        if len(runs) < 2 and h.t > 15:
            runs.append(h.t)
            h.finitialize(-65)

    network.watched[-1].record(again)


def test_a_finitialize_in_a_run_forgets_what_is_under_way(monkeypatch):
    assert_same(monkeypatch, 308, stepped(nothing, start_again), dt=0.1)


def test_what_is_under_way_to_something_deleted_is_dropped(monkeypatch):
    def run(network):
        network.pattern.play(h.Vector(), h.Vector())
        for i, netcon in enumerate(list(network.netcons)):
            netcon.delay = 1 + i * 7 % 50 / 3  # none shared, none beyond the ring
            if netcon.syn() in (network.target, *network.fires):
                network.drop(netcon)  # that would be on NEURON's queue
        del netcon
        h.finitialize(-65)
        for _ in range(8):
            h.continuerun(h.t + 2.3)
            for _ in range(6):
                network.drop(network.random.choice(network.netcons))
            network.synapses.pop()
            gc.collect()

    events, *_, flown = played(monkeypatch, True, 309, run, dt=0.1)
    assert len(events) > 50
    assert flown > 100
