"""Recordings of a replaced soma: a curve through the bins' edges, spikes in shape."""

import numpy as np
import pytest
from double import bundle_for, install, mini_cell

import ann_backend
from ann_backend import _neuron
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")

CLIP = -55.0
# A triangle: from the clip level at -0.5 ms up to 35 mV at 0.25 ms and back at 1.5 ms.
SHAPE = np.interp(np.arange(-0.5, 1.5001, 0.025), [-0.5, 0.25, 1.5], [CLIP, 35, CLIP])


def edges(t):
    """The base voltage: a slow wave below the clip level."""
    return -65 + 5 * np.sin(t)


def model(monkeypatch, spikes=(), before=0.5, over=1.5):
    """From `before` (ms) a spike to `over` behind it the voltage is above the clip."""

    def engine(t0, _):
        inside = [(0, s) for s in spikes if t0 <= s < t0 + 1]
        now = t0 + 1
        running = [s for s in spikes if s - before <= now <= s + over]
        base = edges(now)
        if running:
            base = np.interp(now - running[-1], np.arange(-0.5, 1.5001, 0.025), SHAPE)
        return [float(base)], inside

    install(monkeypatch, engine, (-0.5, 0.025, CLIP, list(SHAPE)))
    cell = mini_cell()()
    return ann_backend.replace(cell, bundle=bundle_for(cell))


@pytest.mark.parametrize("dt", [0.025, 0.05, 0.1, 1.0])
def test_between_edges_the_curve_is_linear(monkeypatch, dt):
    cell = model(monkeypatch)
    v = h.Vector().record(cell.soma(0.5)._ref_v)
    t = h.Vector().record(h._ref_t)
    h.dt, h.steps_per_ms = dt, 1 / dt
    h.tstop = 20
    h.run()
    knots = np.arange(0, 21)
    values = np.concatenate([[-65], edges(knots[1:])])
    np.testing.assert_allclose(
        np.array(v), np.interp(np.array(t), knots, values), atol=1e-9
    )


@pytest.mark.parametrize("spike", [5.0, 5.02, 5.3, 5.71, 5.99, 7.4])
def test_a_spike_has_its_shape_and_its_time(monkeypatch, spike):
    cell = model(monkeypatch, [spike, 12.25])
    v = h.Vector().record(cell.soma(0.5)._ref_v)
    t = h.Vector().record(h._ref_t)
    h.tstop = 20
    h.run()
    v, t = np.array(v), np.array(t)
    for s in (spike, 12.25):
        near = (t > s - 0.5) & (t < s + 1.5)
        expected = np.interp(t[near] - s, np.arange(-0.5, 1.5001, 0.025), SHAPE)
        np.testing.assert_allclose(v[near], expected, atol=1e-6)
    assert (np.diff((v > -20).astype(int)) == 1).sum() == 2
    assert abs(np.diff(v)).max() < 4  # no jump: the shape's own slope is 3 a step


def test_a_spike_is_over_at_the_edge_where_the_voltage_is_below_the_clip(monkeypatch):
    cell = model(monkeypatch, [5.2, 12.25], over=0.5)
    v = h.Vector().record(cell.soma(0.5)._ref_v)
    t = h.Vector().record(h._ref_t)
    h.tstop = 20
    h.run()
    v, t = np.array(v), np.array(t)
    assert v[np.isclose(t, 6)] == pytest.approx(edges(6))
    assert v[np.isclose(t, 13)] == pytest.approx(edges(13))
    assert v[np.isclose(t, 5.2)] == pytest.approx(np.interp(0, *_shape()), abs=1e-6)
    assert (np.diff((v > -20).astype(int)) == 1).sum() == 2
    assert abs(np.diff(v)).max() < 6  # bent, no jump


def test_a_spike_begins_at_the_edge_where_the_voltage_is_below_the_clip(monkeypatch):
    cell = model(monkeypatch, [5.4], before=0.3)
    v = h.Vector().record(cell.soma(0.5)._ref_v)
    t = h.Vector().record(h._ref_t)
    h.tstop = 20
    h.run()
    v, t = np.array(v), np.array(t)
    assert v[np.isclose(t, 5)] == pytest.approx(edges(5))
    assert v[np.isclose(t, 5.4)] == pytest.approx(np.interp(0, *_shape()), abs=1e-6)
    assert (np.diff((v > -20).astype(int)) == 1).sum() == 1
    assert abs(np.diff(v)).max() < 6  # bent, no jump


def _shape():
    return np.arange(-0.5, 1.5001, 0.025), SHAPE


def test_recordings_at_own_times_agree_with_the_ones_at_every_step(monkeypatch):
    cell = model(monkeypatch, [5.3, 9.9])
    ref = cell.soma(0.5)._ref_v
    every, t = h.Vector().record(ref), h.Vector().record(h._ref_t)
    coarse = h.Vector().record(ref, 0.1)
    times = h.Vector([0.5, 1.0, 5.25, 5.5, 9.8, 10.025, 15.5])
    chosen = h.Vector().record(ref, times)
    h.tstop = 20
    h.run()

    def interpolated(at):
        return np.interp(at, np.array(t), np.array(every))

    grid = np.arange(len(coarse)) * 0.1
    np.testing.assert_allclose(np.array(coarse), interpolated(grid), atol=1e-6)
    np.testing.assert_allclose(
        np.array(chosen), interpolated(np.array(times)), atol=1e-6
    )


def test_a_recorder_of_another_cell_is_left_alone(monkeypatch):
    cell = model(monkeypatch, [5.3])
    other = h.Section(name="other")
    other.insert("hh")
    v = h.Vector().record(other(0.5)._ref_v)
    h.tstop = 20
    h.run()
    ann_backend.restore()
    before = np.array(v)
    h.run()
    np.testing.assert_array_equal(before, np.array(v))
    assert cell


def test_recordings_and_counters_that_go_during_a_run_are_survived(monkeypatch):
    cell = model(monkeypatch, [2.3, 5.3])
    ref = cell.soma(0.5)._ref_v
    vectors = [h.Vector().record(ref) for _ in range(3)]
    counters = [h.APCount(cell.soma(0.5)) for _ in range(2)]
    for counter in counters:
        counter.thresh = 0
    h.finitialize(-65)
    h.continuerun(3.5)
    assert counters[0].n == 1
    del vectors[0], counters[0]
    h.continuerun(8)
    assert counters[0].n == 2
    assert len(vectors[0]) == 321
    np.testing.assert_array_equal(np.array(vectors[0]), np.array(vectors[1]))
    assert vectors[0].max() > 30


def test_a_counter_records_into_another_vector_from_then_on(monkeypatch):
    cell = model(monkeypatch, [2.3, 5.3, 8.3])
    counter = h.APCount(cell.soma(0.5))
    counter.thresh = 0
    first, second = h.Vector(), h.Vector()
    counter.record(first)
    h.finitialize(-65)
    h.continuerun(4)
    counter.record(second)
    h.continuerun(7)
    counter.record()
    h.continuerun(10)
    assert counter.n == 3
    assert list(first) == [2.3]
    assert list(second) == [0, 5.3]  # as NEURON's own


def test_a_recording_dropped_is_not_written_to_when_another_takes_its_place(
    monkeypatch,
):
    cell = model(monkeypatch)
    other = h.Section(name="other")
    dropped, another = h.Vector().record(cell.soma(0.5)._ref_v), h.Vector()
    h.finitialize(-65)
    h.continuerun(5)
    dropped.play_remove()
    another.record(other(0.5)._ref_v)  # where NEURON had the one dropped
    before = np.array(dropped)
    h.continuerun(10)
    np.testing.assert_array_equal(np.array(dropped), before)
    assert len(another) == 0


@pytest.mark.parametrize("at", [5.0, 5.35, 7.975])
@pytest.mark.parametrize("dt", [0.025, 0.1, 0.3, 1.0])
def test_after_frecord_init_a_recording_begins_there(monkeypatch, at, dt):
    cell = model(monkeypatch, [2.3, 5.71, 8.3, 14.6, 40.2])
    ref = cell.soma(0.5)._ref_v
    every, t = h.Vector().record(ref), h.Vector().record(h._ref_t)
    sampled = h.Vector().record(ref, dt)
    h.finitialize(-65)
    h.continuerun(at)
    h.frecord_init()
    h.continuerun(50)
    times = at + dt * np.arange(len(sampled))
    assert times[-1] == pytest.approx(50, abs=dt)
    last = times >= 49  # NEURON has taken the one at 50 ms, and it is not rewritten yet
    expected = np.interp(times, np.array(t), np.array(every))
    np.testing.assert_allclose(np.array(sampled)[~last], expected[~last], atol=1e-6)
    assert max(every) > 30


@pytest.mark.parametrize("times", [[5], [5.35], [1, 2, 3, 4, 5, 6], [0.4, 9.9, 13.2]])
@pytest.mark.parametrize("dt", [0.0, 0.025, 0.0375, 0.1, 0.35, 2.0])
def test_a_vector_that_is_emptied_goes_on_in_time(monkeypatch, times, dt):
    cell = model(monkeypatch, [2.3, 5.71, 8.3, 14.6])
    ref = cell.soma(0.5)._ref_v
    step = [dt] if dt else []
    whole, part = h.Vector().record(ref, *step), h.Vector().record(ref, *step)
    h.finitialize(-65)
    for at in times:
        h.continuerun(at)
        part.resize(0)
    h.continuerun(20)
    assert 0 < len(part) < len(whole)
    np.testing.assert_array_equal(np.array(part), np.array(whole)[-len(part) :])


@pytest.mark.parametrize("dt", [0.0, 0.1])
def test_a_vector_that_loses_its_beginning_goes_on_in_time(monkeypatch, dt):
    cell = model(monkeypatch, [2.3, 5.71, 8.3, 14.6])
    ref = cell.soma(0.5)._ref_v
    step = [dt] if dt else []
    whole, part = h.Vector().record(ref, *step), h.Vector().record(ref, *step)
    h.finitialize(-65)
    for at in range(1, 20):
        h.continuerun(at)
        part.remove(0, int(len(part) / 2))
    np.testing.assert_allclose(np.array(part), np.array(whole)[-len(part) :], atol=1e-9)


@pytest.mark.parametrize("at", [5.0, 5.35])
def test_a_recording_made_during_a_run_begins_with_frecord_init(monkeypatch, at):
    cell = model(monkeypatch, [8.3])
    h.finitialize(-65)
    h.continuerun(at)
    v = h.Vector().record(cell.soma(0.5)._ref_v, 0.1)
    h.frecord_init()
    h.continuerun(12)
    t = at + 0.1 * np.arange(len(v))
    knots = np.arange(0, 8)
    early = t < 7
    np.testing.assert_allclose(
        np.array(v)[early], np.interp(t[early], knots, edges(knots)), atol=1e-9
    )
    near = (t > 8) & (t < 9)
    np.testing.assert_allclose(
        np.array(v)[near], np.interp(t[near] - 8.3, *_shape()), atol=1e-6
    )


def test_a_vector_with_values_that_nothing_is_recorded_in_keeps_them(monkeypatch):
    cell = model(monkeypatch, [8.3])
    ref = cell.soma(0.5)._ref_v
    every = h.Vector().record(ref)
    h.finitialize(-65)
    h.continuerun(5)
    values = [h.Vector(range(100)), h.Vector(range(100))]
    values[0].record(ref)
    values[1].record(ref, 0.1)
    h.continuerun(12)
    for v in values:
        np.testing.assert_array_equal(np.array(v), np.arange(100))
    assert every.max() > 30


def test_a_state_keeps_when_a_recording_was_emptied(monkeypatch):
    cell = model(monkeypatch, [2.3, 5.71, 8.3, 14.6])
    ref = cell.soma(0.5)._ref_v
    begun, emptied = h.Vector().record(ref, 0.1), h.Vector().record(ref, 0.1)
    h.finitialize(-65)
    h.continuerun(3.35)
    h.frecord_init()
    h.continuerun(6.2)
    emptied.resize(0)
    h.continuerun(8.2)
    neurons, ours = h.SaveState(), _neuron.save()
    neurons.save()
    kept = len(emptied)
    h.continuerun(20)
    whole = np.array(begun)
    h.finitialize(-65)
    neurons.restore()
    _neuron.load(ours)
    h.continuerun(20)
    after = len(whole) - len(begun) + 1  # its first is of t = 0
    np.testing.assert_allclose(np.array(begun)[1:], whole[after:], atol=1e-9)
    assert whole[after:].max() > 30
    assert kept == 20
