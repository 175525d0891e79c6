"""What scripts do besides: make, cut, interrupt, go back, in and between runs."""

import numpy as np
import pytest
from double import bundle_for, detect, fails, install, mini_cell, regular, replaced

import ann_backend
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")


def synapse_on(cell, x=0.5):
    synapse = h.ExpSyn(cell.dend(x))
    synapse.tau = 2
    return synapse


def source(interval=1.0):
    stim = h.NetStim()
    stim.start, stim.interval, stim.number = 0.5, interval, 1e9
    return stim


def test_synapses_of_the_users_own_type_3_handler_are_found(silent):
    cell, keep = replaced(), []

    def make():
        if not keep:
            keep.extend([synapse_on(cell), source()])
            keep.append(h.NetCon(keep[1], keep[0], 0, 0.1, 0.02))

    handler = h.FInitializeHandler(3, make)
    h.finitialize(-65)
    h.continuerun(3)
    assert len(silent.events) >= 2
    assert handler


def test_a_synapse_made_or_moved_during_a_run_is_found(silent):
    cell, stim = replaced(), source()
    h.finitialize(-65)
    h.continuerun(2)
    synapse = synapse_on(cell, 0.5)
    netcon = h.NetCon(stim, synapse, 0, 0.1, 0.02)
    h.continuerun(4.3)
    assert {e[2] for e in silent.events} == {1}
    synapse.loc(cell.dend(0.9))
    h.continuerun(7)
    assert [e[2] for e in silent.events][-2:] == [2, 2]
    assert netcon


def test_a_clamp_made_during_a_run_stops_it(silent):
    cell = replaced()
    h.finitialize(-65)
    h.continuerun(2)
    clamp = h.IClamp(cell.soma(0.5))
    for _ in range(2):  # it does not go on without it
        with fails("IClamp.*made since finitialize, is no input of its bundle"):
            h.continuerun(4)
    assert h.t < 2.1
    del clamp
    h.continuerun(4)
    assert silent.events == []


def test_detectors_made_anew_during_a_run_hear_their_own_cells(monkeypatch):
    n = 6
    install(monkeypatch, lambda t0, _: ([-65.0] * n, [(0, t0 + 0.7)]))
    cells = [mini_cell()() for _ in range(n)]
    ann_backend.replace(cells, bundle=bundle_for(cells[0]))
    h.finitialize(
        -65
    )  # NEURON's count of NetCons begins at 0 again when the last one dies
    watches = [detect(c) for c in cells]
    h.finitialize(-65)
    h.continuerun(5)
    assert [len(times) for _, times in watches] == [5, 0, 0, 0, 0, 0]
    watches.clear()
    watches = [detect(c) for c in reversed(cells)]
    h.continuerun(10)
    assert [len(times) for _, times in watches] == [0, 0, 0, 0, 0, 5]


def test_an_impedance_of_parked_sections_is_refused(silent):
    cell = mini_cell()()
    impedance = h.Impedance()
    impedance.loc(0.5, sec=cell.soma)
    h.finitialize(-65)
    impedance.compute(0)
    own = impedance.input(0.5, sec=cell.soma)
    ann_backend.replace(cell, bundle=bundle_for(cell))
    h.finitialize(-65)
    with fails(r"Impedance.compute is not supported.*before replace\(\)"):
        impedance.compute(0)
    ann_backend.restore()
    h.finitialize(-65)
    impedance.compute(0)
    assert impedance.input(0.5, sec=cell.soma) == own
    assert silent.events == []


def test_a_netcon_made_during_a_run_hears_each_spike_once(monkeypatch):
    install(monkeypatch, regular(v=20.0))
    cell = replaced()
    h.finitialize(-65)
    h.continuerun(5.3)
    netcon, times = detect(cell)
    h.continuerun(8)
    assert list(times) == pytest.approx([5.7, 6.7, 7.7])
    assert netcon


def test_time_that_the_user_sets_is_followed(monkeypatch):
    install(monkeypatch, regular())
    cell = replaced()
    netcon, times = detect(cell)
    h.finitialize(-65)
    h.t = 100
    h.continuerun(103)
    assert list(times) == pytest.approx([100.7, 101.7, 102.7])
    h.t = 50
    with fails("t went back after replaced cells had run"):
        h.fadvance()
    assert netcon


def test_a_warm_up_before_zero_runs_no_bin(monkeypatch):
    install(monkeypatch, regular())
    cell = replaced()
    netcon, times = detect(cell)
    h.finitialize(-65)
    h.t, h.dt = -1e4, 1000
    while h.t < 0:
        h.fadvance()
    h.t, h.dt = 0, 0.025
    h.frecord_init()
    h.continuerun(3)
    assert list(times) == pytest.approx([0.7, 1.7, 2.7])
    assert netcon


@pytest.mark.parametrize("dt", [0.03, 0.07, 5.0])
def test_steps_that_do_not_divide_the_bin_run_every_bin_in_its_time(monkeypatch, dt):
    calls = []

    def engine(t0, _):
        calls.append((t0, h.t))
        return [-65.0], []

    install(monkeypatch, engine)
    cell = replaced()
    h.dt, h.steps_per_ms = dt, 1 / dt
    h.finitialize(-65)
    while h.t < 10 - 1e-9:
        h.fadvance()
    assert [t0 for t0, _ in calls] == list(range(10))
    assert all(now + dt >= t0 + 1 - 1e-6 for t0, now in calls)
    assert cell


def test_the_same_cell_twice_is_one(silent):
    cell = mini_cell()()
    bundle = bundle_for(cell)
    ann_backend.replace([cell, cell], bundle=bundle)
    ann_backend.replace(cell, bundle=bundle)
    h.finitialize(-65)
    assert len(ann_backend.report().cells) == 1
    ann_backend.restore(cell)
    h.finitialize(-65)
    assert ann_backend.report().cells == []
    assert silent.events == []


def test_a_script_that_restores_runs_on_either_backend():
    ann_backend.use("neuron")
    cell = replaced()
    ann_backend.restore(cell)
    ann_backend.restore()


def test_the_end_of_the_soma_is_its_voltage_too(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-60.0 - t0], []))
    cell = replaced()
    vectors = [h.Vector().record(cell.soma(x)._ref_v) for x in (0, 0.5, 1)]
    h.finitialize(-65)
    h.continuerun(5)
    for vector in vectors[1:]:
        np.testing.assert_array_equal(np.array(vector), np.array(vectors[0]))
    assert vectors[0].x[vectors[0].size() - 1] == -64


def test_finitialize_without_a_voltage_wants_the_bundles(silent):
    cell = replaced()
    other = h.Section(name="other")
    other.insert("hh")
    with fails("got finitialize\\(\\) without a voltage"):
        h.finitialize()
    other(0.5).v = -51
    with fails("without a voltage"):
        h.finitialize()
    assert other(0.5).v == -51
    h.finitialize(-65)
    assert cell
    assert silent.events == []


@pytest.mark.usefixtures("silent")
def test_a_refused_finitialize_leaves_no_trace_in_the_voltages():
    other = h.Section(name="other")
    cell = replaced()
    clamp = h.IClamp(cell.soma(0.5))
    voltages = [other(0.5).v, cell.soma(0.5).v]
    with fails("clamp"):
        h.finitialize()
    assert [other(0.5).v, cell.soma(0.5).v] == voltages
    assert clamp


def test_a_recording_of_t_outlives_the_cells_it_was_made_beside(silent):
    cell = replaced()
    h.finitialize(-65)
    del cell  # now no section of the user's is left: NEURON's default one is not his
    ann_backend.restore()
    t = h.Vector().record(h._ref_t)
    other = h.Section(name="other")
    h.finitialize(-65)
    h.continuerun(1)
    assert len(t) == 41
    assert other.name() in [s.name() for s in h.allsec()]
    assert silent.events == []


def test_the_clock_stays_on_the_bins_in_minutes(monkeypatch):
    """NEURON's t, a sum, is 1e-6 ms behind whole ms after 16 s at this step."""
    install(monkeypatch, lambda t0, _: ([t0 % 100 - 65.0], []))
    cell = replaced()
    h.dt, h.steps_per_ms = 0.01, 100
    h.finitialize(-65)
    h.continuerun(16_000)
    assert abs(h.t - round(h.t)) > 1e-6
    for _ in range(100):
        h.fadvance()
        assert cell.soma(0.5).v == (np.floor(h.t + 0.005) - 1) % 100 - 65.0
