"""replace, restore, use: what they take, keep and give back."""

import gc
from pathlib import Path

import numpy as np
import pytest
from double import bundle_for, channel, detect, install, mini_cell

import ann_backend
from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms

pytestmark = pytest.mark.usefixtures("fresh")


class PythonCell:
    """A cell class of the kind that NetPyNE users write."""

    def __init__(self, length=20.0):
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = length
        self.soma.insert("hh")
        self.dend = h.Section(name="dend", cell=self)
        self.dend.L, self.dend.nseg = 200, 5
        self.dend.insert("pas")
        self.dend.connect(self.soma(1))


def replaced(cell, **keys):
    return ann_backend.replace(cell, bundle=bundle_for(cell, **keys))


def drive(cell, x=0.5, weight=0.02, delay=1.0, start=1.0, number=3, interval=4.0):
    synapse = h.ExpSyn(cell.dend(x))
    synapse.tau = 2
    stim = h.NetStim()
    stim.start, stim.number, stim.interval, stim.noise = start, number, interval, 0
    netcon = h.NetCon(stim, synapse)
    netcon.weight[0], netcon.delay = weight, delay
    return synapse, stim, netcon


def run(tstop=20):
    h.tstop = tstop
    h.run()


def test_a_template_a_class_an_instance_and_a_list_are_taken(silent):
    template = mini_cell()
    bundle = bundle_for(template())
    made = ann_backend.replace(template, bundle=bundle)
    assert made.soma.L == 20
    cell = template()
    assert ann_backend.replace(cell, bundle=bundle) is cell
    python = ann_backend.replace(PythonCell, 20.0, bundle=bundle_for(PythonCell(20.0)))
    assert isinstance(python, PythonCell)
    pair = [template(), template()]
    assert ann_backend.replace(pair, bundle=bundle) == pair
    silent.rows = 4
    assert ann_backend.report().waiting == 5


def test_arguments_for_a_cell_that_exists_are_refused():
    with pytest.raises(TypeError, match="is a cell already"):
        ann_backend.replace(mini_cell()(), 1)


def test_a_cell_without_soma_is_refused():
    class NoSoma:
        def __init__(self):
            self.body = h.Section(name="body", cell=self)

    with pytest.raises(CellError, match="expected an attribute 'soma'"):
        ann_backend.replace(NoSoma)


def test_another_cell_than_the_bundles_is_refused_with_what_differs():
    bundle = bundle_for(mini_cell()())
    cell = mini_cell()()
    cell.soma.gnabar_hh = 0.2
    cell.dend.L = 150
    with pytest.raises(CellError) as error:
        ann_backend.replace(cell, bundle=bundle)
    assert "soma gnabar_hh: expected 0.12, got 0.2" in str(error.value)
    assert "dend L (um): expected 200.0, got 150.0" in str(error.value)


def test_no_bundle_for_a_cell_names_the_nearest():
    with pytest.raises(CellError, match="no bundle fits this cell"):
        ann_backend.replace(mini_cell()())


def test_events_reach_the_engine_at_their_exact_times(silent):
    cell = replaced(mini_cell()())
    keep = drive(
        cell, 0.5, weight=0.02, delay=0.3125, start=1.1, number=2, interval=4.7
    )
    run()
    assert [e[1:4] for e in silent.events] == [(0, 1, 0.02)] * 2
    times = [e[4] for e in silent.events]
    assert times == pytest.approx([1.4125, 6.1125], abs=1e-12)  # NetStim adds up t
    assert keep[2].syn() == keep[0]


def test_synapses_made_after_replace_or_between_runs_are_found(silent):
    cell = replaced(mini_cell()())
    run()
    assert silent.events == []
    keep = [drive(cell, 0.1), drive(cell, 0.9)]
    run()
    assert {e[2] for e in silent.events} == {0, 2}
    assert len(ann_backend.report().cells[0].inputs) == len(keep)


def test_weight_delay_and_active_stay_live_during_a_run(silent):
    cell = replaced(mini_cell()())
    _, _, netcon = keep = drive(cell, start=1, number=4, interval=2, delay=0.5)
    h.finitialize(-65)
    h.continuerun(2.2)
    netcon.weight[0] = 0.03
    h.continuerun(4.2)
    netcon.active(0)
    h.continuerun(6.2)
    netcon.active(1)
    netcon.delay = 0.75
    h.continuerun(10)
    assert [e[3] for e in silent.events] == [0.02, 0.03, 0.03]
    assert [e[4] for e in silent.events] == pytest.approx([1.5, 3.5, 7.75], abs=1e-12)
    assert keep


def test_plasticity_set_during_a_run_counts_from_then_on(silent):
    load_mechanisms()
    channels = [channel("dend(0.5)", "ann_GABAA", (0, 1))]
    cell = replaced(mini_cell()(), channels=channels)
    synapse, stim = h.ann_GABAA(cell.dend(0.5)), h.NetStim()
    stim.start, stim.number, stim.interval, stim.noise = 1, 2, 4, 0
    keep = h.NetCon(stim, synapse, 0, 1.5, 0.02)
    h.finitialize(-65)
    h.continuerun(4)
    synapse.U = 0.25
    h.continuerun(10)
    assert [e[3] for e in silent.events] == pytest.approx([0.02, 0.005])
    assert keep


def test_an_event_of_a_biophysical_cell_is_not_taken(silent):
    cell, other = replaced(mini_cell()()), mini_cell()()
    keep = [drive(cell), drive(other)]
    v = h.Vector().record(other.dend(0.5)._ref_v)
    run()
    assert len(silent.events) == 3
    assert np.array(v).max() > -60
    assert keep


def test_several_bundles_run_in_one_model(monkeypatch):
    seen = {}

    def engine(t0, events):
        seen.setdefault(len(events), t0)
        return [-65.0, -65.0], [(0, t0 + 0.25)] if t0 == 3 else []

    install(monkeypatch, engine)
    cells = [mini_cell()() for _ in range(3)]
    first = bundle_for(cells[0], name="first")
    ann_backend.replace(cells[:2], bundle=first)
    ann_backend.replace(cells[2], bundle=bundle_for(cells[2], name="second"))
    detectors = [detect(cell) for cell in cells]
    run()
    assert [list(times) for _, times in detectors] == [[3.25], [], [3.25]]
    assert [c.bundle for c in ann_backend.report().cells] == [
        "first",
        "first",
        "second",
    ]


def test_a_deleted_cell_is_dropped_before_and_during_a_run(silent):
    silent.rows = 3
    cells = [replaced(mini_cell()()) for _ in range(3)]
    del cells[0]
    run()
    assert len(ann_backend.report().cells) == 2
    h.finitialize(-65)
    h.continuerun(3)
    del cells[0]
    h.continuerun(6)
    run()
    assert len(ann_backend.report().cells) == 1


def test_voltages_find_their_somas_when_sections_come_and_go(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-60.0 - t0 - row / 8 for row in range(3)], []))
    early = [h.Section(name=f"early{i}") for i in range(20)]
    cells = [mini_cell()() for _ in range(3)]
    ann_backend.replace(cells, bundle=bundle_for(cells[0]))
    h.finitialize(-65)
    h.continuerun(2)
    del early[::2]  # NEURON's data move
    late = [h.Section(name=f"late{i}") for i in range(200)]
    h.continuerun(5)
    del cells[1]
    h.continuerun(7)
    assert [cell.soma(0.5).v for cell in cells] == [-66.0, -66.25]
    assert {s(0.5).v for s in late} == {-65.0}


def test_voltages_find_their_somas_when_neuron_moves_its_memory(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-60.0 - t0], []))
    many = [h.Section(name=f"many{i}") for i in range(3000)]
    cell = replaced(mini_cell()())
    many.clear()  # room that poolshrink gives back
    h.finitialize(-65)
    h.continuerun(3)
    h.CVode().poolshrink(1)
    late = [h.Vector(np.full(4000, 7.0)) for _ in range(20)]
    h.continuerun(6)
    assert cell.soma(0.5).v == -65.0
    assert all(v.min() == v.max() == 7.0 for v in late)


@pytest.mark.parametrize("end", [0, 1])
def test_a_soma_that_hangs_on_another_section_by_either_end(monkeypatch, end):
    class Hanging(PythonCell):
        def __init__(self):
            super().__init__()
            self.axon = h.Section(name="axon", cell=self)
            self.soma.connect(self.axon(1), end)

    install(monkeypatch, lambda *_: ([-50.0], []))
    cell = replaced(Hanging())
    run()
    assert cell.soma(0.5).v == cell.soma(1 - end).v == -50.0
    assert cell.axon(1).v == -65.0


def test_sources_that_come_and_go_during_a_run_are_followed(monkeypatch):
    # A pending event of a deleted source crashes NEURON itself: none is pending at 3.
    spikes = {0: [(0, 0.5)], 4: [(0, 4.5)], 5: [(0, 5.5)]}
    install(monkeypatch, lambda t0, _: ([-65.0], spikes.get(t0, [])))
    cell = replaced(mini_cell()())
    gone = [detect(cell) for _ in range(3)]
    h.finitialize(-65)
    h.continuerun(3)
    assert list(gone[-1][1]) == [0.5]
    gone.clear()
    gc.collect()
    h.continuerun(4)
    later, times = detect(cell)
    h.continuerun(6)
    assert list(times) == [4.5, 5.5]
    assert later.threshold == 0


def test_parked_cells_cost_the_solver_nothing(silent):
    silent.rows = 5
    other = h.Section(name="other")
    cells = [replaced(mini_cell()()) for _ in range(5)]
    run()
    report = ann_backend.report()
    assert report.nodes_after == 3  # root, segment and end of `other`
    assert report.nodes_before == 3 + 5 * (1 + 2 + 6 + 6)
    assert len(cells) == 5
    assert other.L == 100


def test_sections_come_back_in_their_order(silent):
    silent.rows = 2
    cells = [mini_cell()() for _ in range(4)]
    run()
    order = [s.name() for s in h.allsec()]
    for cell in cells[1:3]:
        replaced(cell)
    run()
    assert len(list(h.allsec())) < len(order)
    ann_backend.restore(cells[1])
    run()
    ann_backend.restore()
    run()
    assert [s.name() for s in h.allsec()] == order


def test_restoring_a_cell_that_is_not_replaced_is_refused():
    with pytest.raises(CellError, match="expected a replaced cell"):
        ann_backend.restore(mini_cell()())


def test_with_the_neuron_backend_replace_does_nothing(silent):
    ann_backend.use("neuron")
    cell = replaced(mini_cell()())
    keep = drive(cell)
    run()
    assert silent.events == []
    assert ann_backend.report().cells == []
    assert keep


def test_use_switches_at_the_next_finitialize(silent):
    cell = replaced(mini_cell()())
    keep = drive(cell)
    ann_backend.use("neuron")
    run()
    assert silent.events == []
    ann_backend.use("cpu")
    run()
    assert len(silent.events) == 3
    assert keep


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="expected a backend among"):
        ann_backend.use("gpu")


def test_a_number_of_threads_is_expected():
    for given in (0, 1.5, "2"):
        with pytest.raises(ValueError, match=f"1 or more, an int, got {given!r}"):
            ann_backend.use("cpu", threads=given)


def test_the_name_of_a_template_is_not_the_template():
    with pytest.raises(CellError, match=r"got the string 'Mini'; write h\.Mini"):
        ann_backend.replace("Mini")


@pytest.mark.usefixtures("silent")
def test_restoring_none_does_not_restore_all():
    cell = replaced(mini_cell()())
    with pytest.raises(CellError, match="None: expected an attribute 'soma'"):
        ann_backend.restore(None)
    run()
    assert [c.name for c in ann_backend.report().cells] == [str(cell)]


def test_gids_keep_working(monkeypatch):
    install(monkeypatch, lambda t0, _: ([-65.0], [(0, t0 + 0.5)] if t0 < 3 else []))
    pc = h.ParallelContext()
    cell = replaced(mini_cell()())
    pc.set_gid2node(4711, pc.id())
    netcon, _ = detect(cell)
    pc.cell(4711, netcon)
    times, gids = h.Vector(), h.Vector()
    pc.spike_record(4711, times, gids)
    pc.set_maxstep(10)
    h.stdinit()
    pc.psolve(6)
    assert (list(times), list(gids)) == ([0.5, 1.5, 2.5], [4711.0] * 3)
    pc.gid_clear()


@pytest.mark.usefixtures("silent")
def test_replacing_restoring_and_deleting_a_thousand_times_leaks_nothing():
    def resident_MB():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    bundle = bundle_for(mini_cell()())

    def cycle():
        cell = ann_backend.replace(mini_cell()(), bundle=bundle)
        keep = drive(cell)
        run(2)
        ann_backend.restore(cell)
        run(2)
        assert keep

    for _ in range(100):
        cycle()
    before = resident_MB()
    for _ in range(1000):
        cycle()
    assert resident_MB() - before < 5


def test_a_report_counts_synapses_of_many_channels_by_their_kind():
    from ann_backend.run.report import CellReport

    few = {f"Exp[{k}]": f"dend[{k}](0.5) AMPA" for k in range(6)}
    told = CellReport("cell", "B", 1, few, 0, 0, 0, 0, [])
    assert "1 -> dend[0](0.5) AMPA, 1 -> dend[1](0.5) AMPA" in str(told)
    many = few | {"Exp[6]": "soma(0.5) GABA", "Exp[7]": "dend[0](0.5) AMPA"}
    told = CellReport("cell", "B", 1, many, 0, 0, 0, 0, [])
    assert "synapses 7 -> AMPA at 6 places, 1 -> GABA at 1 places;" in str(told)
