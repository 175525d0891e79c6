"""What scripts do besides: change, cut, interrupt, go back, in and between runs."""

import numpy as np
import pytest
from double import Silent, bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms
from ann_backend.template import fingerprint


@pytest.fixture(autouse=True)
def _restored():
    yield
    ann_backend.use("auto")
    ann_backend.restore()
    h.dt, h.steps_per_ms = 0.025, 40
    h.finitialize(-65)


@pytest.fixture
def silent(monkeypatch):
    engine = Silent()
    install(monkeypatch, engine)
    return engine


def replaced(**keys):
    cell = mini_cell()()
    return ann_backend.replace(cell, bundle=bundle_for(cell, **keys))


def synapse_on(cell, x=0.5):
    synapse = h.ExpSyn(cell.dend(x))
    synapse.tau = 2
    return synapse


def source(interval=1.0):
    stim = h.NetStim()
    stim.start, stim.interval, stim.number = 0.5, interval, 1e9
    return stim


def detect(cell):
    netcon = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
    netcon.threshold = 0
    times = h.Vector()
    netcon.record(times)
    return netcon, times


def regular(offset=0.7, v=-65.0):
    return lambda t0, _: ([v], [(0, t0 + offset)])


def fails(message):
    return pytest.raises(RuntimeError, match=message)


def test_a_cell_changed_after_replace_is_refused(silent):
    cell = replaced()
    for change in (
        lambda cell: setattr(cell.soma, "gnabar_hh", 0.1),
        lambda cell: setattr(cell.dend, "L", 150),
        lambda cell: setattr(cell.dend, "nseg", 11),
        lambda cell: cell.apic.insert("hh"),
        lambda cell: setattr(cell.soma, "ena", 55),
        lambda cell: setattr(cell.soma(0.5), "ek", -80),
    ):
        change(cell)
        with fails("changed after replace"):
            h.finitialize(-65)
        with pytest.raises(CellError, match="expected"):
            ann_backend.replace(cell, bundle=bundle_for(mini_cell()()))
        cell = replaced()
        h.finitialize(-65)  # the next change finds it parked
    assert silent.events == []


def test_a_section_connected_to_a_parked_one_is_refused_and_survived(silent):
    cell = replaced()
    h.finitialize(-65)
    spine = h.Section(name="spine")
    spine.connect(cell.dend(1))
    with fails("changed after replace"):
        h.finitialize(-65)
    ann_backend.restore()
    h.finitialize(-65)
    assert len(cell.soma.wholetree()) == 4
    assert silent.events == []


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("end", [0, 1])
def test_a_cell_connected_to_a_section_is_refused_and_survived(silent, parked, end):
    cell, other = replaced(), h.Section(name="other")
    if parked:
        h.finitialize(-65)
    cell.soma.connect(other(end))
    with fails("changed after replace"):
        h.finitialize(-65)
    h.disconnect(sec=cell.soma)
    h.finitialize(-65)
    cell.soma.connect(other(end))
    ann_backend.restore()
    h.finitialize(-65)
    assert len(other.wholetree()) == 4
    assert silent.events == []


@pytest.mark.usefixtures("silent")
def test_a_reversal_potential_that_a_run_computes_is_no_change():
    load_mechanisms()
    cell = mini_cell()()
    for name in ("ann_CaHVA", "ann_CaDyn"):
        cell.soma.insert(name)
    ann_backend.replace(cell, bundle=bundle_for(cell))
    before = cell.soma.eca
    ann_backend.use("neuron")
    h.finitialize(-65)
    h.continuerun(3)
    assert cell.soma.eca != before
    ann_backend.use("auto")
    h.finitialize(-65)


@pytest.mark.usefixtures("silent")
def test_a_cell_that_has_run_is_the_cell_that_it_was():
    load_mechanisms()
    cell, other = mini_cell()(), mini_cell()()
    for one in (cell, other):
        for name in ("ann_CaHVA", "ann_CaDyn"):
            one.soma.insert(name)
    fits = bundle_for(cell)
    h.finitialize(-65)
    h.continuerun(3)
    assert cell.soma.eca != h.Section(name="new").insert("ca_ion")(0.5).eca
    ann_backend.replace(cell, bundle=fits)
    other.soma.ena = 40  # no run computes it
    with pytest.raises(CellError, match="ena"):
        ann_backend.replace(other, bundle=fits)
    assert "of_one_ion" not in [s.name() for s in h.allsec()]


@pytest.mark.usefixtures("silent")
def test_an_ion_that_comes_with_a_synapse_is_no_change():
    channels = h.KSChan(1)
    channels.name("PotassiumPoint")
    channels.ion("k")
    cell = replaced(channels=[channel("dend(0.5)", "PotassiumPoint")])
    assert not h.ismembrane("k_ion", sec=cell.dend)
    point = h.PotassiumPoint(cell.dend(0.5))
    assert h.ismembrane("k_ion", sec=cell.dend)
    h.finitialize(-65)
    assert len(ann_backend.report().cells[0].inputs) == 1
    assert point


def test_a_deleted_dendrite_is_refused_and_survived(silent):
    cell = replaced()
    h.finitialize(-65)
    h.delete_section(sec=cell.dend)
    with fails("changed after replace"):
        h.finitialize(-65)
    assert silent.events == []


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


def detector(section, callback=None):
    netcon = h.NetCon(section(0.5)._ref_v, None, sec=section)
    netcon.threshold = 0
    if callback:
        netcon.record(callback)
    return netcon


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_a_callback_may_drop_another_detector_of_the_spike(monkeypatch):
    install(monkeypatch, regular())
    cell, silent_cell = replaced(), mini_cell()()
    seen, times, made = [], h.Vector(), []

    def heard():
        seen.append(round(h.t, 6))
        if len(seen) == 2:
            others.clear()
            made.append(
                detector(silent_cell.soma)
            )  # perhaps at the dropped one's address
            made[0].record(times)

    others = []
    first = detector(cell.soma, heard)
    others.append(detector(cell.dend))
    h.finitialize(-65)
    h.continuerun(4)
    first.record(None)
    made.clear()
    assert len(seen) == 4
    assert list(times) == []


@pytest.mark.filterwarnings("ignore::ann_backend.ApproximationWarning")
def test_a_callback_finds_the_delays_as_they_are_and_may_change_them(monkeypatch):
    install(monkeypatch, regular())
    cell, other = replaced(), h.Section(name="other")
    synapse, seen = h.ExpSyn(other(0.5)), []

    def wire(delay):
        netcon = h.NetCon(cell.soma(0.5)._ref_v, synapse, sec=cell.soma)
        netcon.threshold, netcon.delay, netcon.weight[0] = 0, delay, 0
        return netcon

    def heard():
        seen.append([netcon.delay for netcon in netcons])
        if len(seen) == 2:
            netcons[0].delay = 0.3
            netcons.pop()
            netcons.append(wire(5))

    netcons = [wire(0.1), wire(0.2)]
    netcons[0].record(heard)
    h.finitialize(-65)
    h.continuerun(4)
    netcons.clear()  # or a callback keeps them, which NEURON alone does not survive
    assert seen == [[0.1, 0.2], [0.1, 0.2], [0.3, 5], [0.3, 5]]


def test_restore_from_inside_a_run_waits_for_the_next(monkeypatch):
    install(monkeypatch, regular())
    cell = replaced()
    netcon, times = detect(cell)
    h.finitialize(-65)
    h.CVode().event(2.2, ann_backend.restore)
    h.continuerun(5)
    assert len(times) == 5
    h.finitialize(-65)
    h.continuerun(5)
    assert len(times) == 0
    assert netcon


def test_restore_from_a_spikes_callback_is_survived(monkeypatch):
    install(monkeypatch, regular())
    cell = replaced()
    netcon, _ = detect(cell)
    netcon.record(ann_backend.restore)
    h.finitialize(-65)
    h.continuerun(5)
    h.finitialize(-65)
    assert ann_backend.report().cells == []


def test_a_callback_that_raises_doubles_no_spike(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-65.0], [(0, t0 + 0.3), (0, t0 + 0.6)]))
    cell, seen = replaced(), []

    def once():
        seen.append(round(h.t, 6))
        if len(seen) == 3:
            raise ValueError("mine")

    netcon, _ = detect(cell)
    netcon.record(once)
    h.finitialize(-65)
    with fails("mine"):
        h.continuerun(4)
    h.continuerun(4)
    assert seen == [0.3, 0.6, 1.3, 1.6, 2.3, 2.6, 3.3, 3.6]


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


def test_deleting_every_section_is_survived(silent):
    cell = replaced()
    h.finitialize(-65)
    del cell
    for section in list(h.allsec()):
        h.delete_section(sec=section)
    other = replaced()
    h.finitialize(-65)
    h.finitialize(-65)
    assert len(ann_backend.report().cells) == 1
    assert other
    assert silent.events == []


class Bushy:
    """A Python cell whose dendrites share one name."""

    def __init__(self, dends):
        self.soma = h.Section(name="soma", cell=self)
        self.dends = [h.Section(name="dend", cell=self) for _ in range(dends)]
        for dend in self.dends:
            dend.connect(self.soma(1))


def test_sections_of_one_name_all_count_in_the_fingerprint():
    digests = {fingerprint(Bushy(n), -65, 6.3)["digest"] for n in (1, 2, 9)}
    assert len(digests) == 3


def test_finitialize_from_a_spikes_callback_starts_anew(monkeypatch):
    install(monkeypatch, regular())
    cell, count = replaced(), []

    def again():
        count.append(h.t)
        if len(count) == 3:
            h.finitialize(-65)

    netcon, _ = detect(cell)
    netcon.record(again)
    h.finitialize(-65)
    while len(count) < 6:
        h.fadvance()
    assert count == pytest.approx([0.7, 1.7, 2.7, 0.7, 1.7, 2.7])


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
