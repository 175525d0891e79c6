"""When a bin is launched, and when its results are collected."""

import threading
import time

import numpy as np
import pytest
from double import Silent, bundle_for, channel, install, mini_cell
from random_network import ON_GPU

import ann_backend
from ann_backend.nrn import h
from ann_backend.run import prepare

pytestmark = pytest.mark.usefixtures("fresh")

h.load_file("stdrun.hoc")


class Watched(Silent):
    """Notes which bins were collected."""

    def __init__(self, rows=1):
        super().__init__(rows)
        self.collected = []

    def __call__(self, t0, events):
        self.collected.append(t0)
        return super().__call__(t0, events)


def launches():
    found = prepare.state.stepped[0].engine.population.launches
    return [(t0, round(t, 6)) for t0, t in found]


def advance(until):
    while h.t < until - h.dt / 2:
        h.fadvance()


def replaced(monkeypatch, **options):
    cell, watched = mini_cell()(), Watched()
    install(monkeypatch, watched)
    ann_backend.replace(cell, bundle=bundle_for(cell, **options))
    return cell, watched


def rows(monkeypatch, count):
    watched = Watched(count)
    install(monkeypatch, watched)
    return ann_backend.population(bundle_for(mini_cell()()), count), watched


@pytest.mark.parametrize(
    ("dt", "middles"),
    [(0.025, (0.9875, 1.9875)), (0.5, (0.75, 1.75)), (0.4, (1.0, 1.8))],
)
def test_a_bin_is_launched_in_the_middle_of_its_last_step(monkeypatch, dt, middles):
    _cell, _ = replaced(monkeypatch)
    h.dt = dt
    h.finitialize(-65)
    advance(2)
    assert launches() == list(zip((0.0, 1.0), middles, strict=True))


def test_a_step_over_several_bins_launches_the_others_at_its_end(monkeypatch):
    _cell, watched = replaced(monkeypatch)
    h.dt = 2
    h.finitialize(-65)
    h.fadvance()
    assert launches() == [(0.0, 1.0), (1.0, 2.0)]
    assert watched.collected == [0.0, 1.0]


def test_a_clamp_s_current_of_the_last_step_is_in_the_bin(monkeypatch):
    kinds = [channel("soma(0.5)", "IClamp", (-1.0, 1.0))]
    cell, watched = replaced(monkeypatch, channels=kinds)
    clamp = h.IClamp(cell.soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.975, 0.025, 0.5
    h.finitialize(-65)
    advance(1)
    assert launches() == [(0.0, 1.0)]
    [(t0, row, kind, charge, t)] = watched.events
    assert (t0, row, kind) == (0.0, 0, 0)
    assert (charge, t) == (pytest.approx(0.0125), pytest.approx(0.9875))


def test_an_event_in_the_last_half_step_comes_with_the_next_bin(monkeypatch):
    cell, watched = replaced(monkeypatch)
    synapse = h.ExpSyn(cell.dend(0.5))
    synapse.tau = 2
    drive = h.NetCon(None, synapse)
    drive.weight[0] = 0.25
    h.finitialize(-65)
    for t in (0.98, 0.99):
        drive.event(t)
    advance(2)
    assert [(e[0], e[4]) for e in watched.events] == [(0.0, 0.98), (1.0, 0.99)]


def test_results_that_neuron_does_not_hear_wait_for_the_next_bin(monkeypatch):
    p, watched = rows(monkeypatch, 3)
    h.finitialize(-65)
    advance(2)
    assert len(p) == 3
    assert watched.collected == [0.0]


@pytest.mark.parametrize("ask", [lambda p: p.v, lambda p: p.spikes])
def test_results_come_when_they_are_asked_for(monkeypatch, ask):
    p, watched = rows(monkeypatch, 3)
    h.finitialize(-65)
    advance(1)
    ask(p)
    assert watched.collected == [0.0]


def test_rows_that_a_netcon_hears_are_collected_at_the_bin_s_end(monkeypatch):
    p, watched = rows(monkeypatch, 3)
    _netcon = h.NetCon(p.source(p.gids[1]), None)
    h.finitialize(-65)
    advance(1)
    assert watched.collected == [0.0]


def test_a_new_run_drops_what_was_under_way(monkeypatch):
    p, watched = rows(monkeypatch, 3)
    h.finitialize(-65)
    advance(5)
    h.finitialize(-65)
    watched.collected.clear()
    np.testing.assert_array_equal(p.v, -65.0)
    assert watched.collected == []


def test_what_fails_in_the_middle_of_a_step_stops_that_step(monkeypatch, capfd):
    def broken(_t0, _events):
        raise ValueError("broken bin")

    install(monkeypatch, broken)
    p = ann_backend.population(bundle_for(mini_cell()()), 1)
    h.finitialize(-65)
    advance(2 - h.dt)
    with pytest.raises(RuntimeError):
        h.fadvance()
    assert "broken bin" in capfd.readouterr().err
    assert len(p) == 1


def test_a_bin_waits_while_another_thread_asks_for_the_last_one(monkeypatch):
    begun, alone = threading.Event(), []

    def slow(t0, _events):
        before = launches()
        begun.set()
        time.sleep(0.2)  # Python's other threads run
        alone.append(launches() == before)
        return [-65.0], [(0, t0 + 0.5)]

    install(monkeypatch, slow)
    p = ann_backend.population(bundle_for(mini_cell()()), 1)
    h.finitialize(-65)
    advance(1)
    seen = []
    asking = threading.Thread(target=lambda: seen.append(p.spikes[1].tolist()))
    asking.start()
    assert begun.wait(10)
    advance(2)
    asking.join(10)
    assert seen == [[0.5]]
    assert p.spikes[1].tolist() == [0.5, 1.5]
    assert alone == [True, True]


ROWS, MS = 40, 200


def network(backend, heard):
    """Spikes and voltages of connected HH rows; a NetCon hears some of them."""
    rng = np.random.default_rng(5)
    ann_backend.use(backend)
    p = ann_backend.population("HH", ROWS)
    first = p.gids.start
    pre, post = first + rng.integers(ROWS, size=(2, 300))
    weight, delay = rng.uniform(0, 0.001, 300), rng.uniform(0, 9, 300)
    ann_backend.connect(pre, post, 0, weight, delay)
    row, kind = rng.integers(ROWS, size=4000), rng.integers(2, size=4000)
    p.play(first + row, kind, rng.uniform(0, 0.003, 4000), rng.uniform(0, MS, 4000))
    _netcons = [h.NetCon(p.source(gid), None) for gid in p.gids[:heard]]
    h.finitialize(-65)
    h.continuerun(MS)
    gid, t = p.spikes
    return list(zip(gid - first, t, strict=True)), p.v.tolist()


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
@pytest.mark.parametrize("backend", ["cpu", pytest.param("cuda", marks=ON_GPU)])
def test_when_results_are_collected_changes_no_bit(backend):
    ann_backend.load("HH")
    waited = network(backend, heard=0)
    assert len(waited[0]) > 50
    assert network(backend, heard=3) == waited
