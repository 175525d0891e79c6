"""What a script's callbacks do at a spike: drop, change, restore, raise."""

import pytest
from double import detect, fails, install, mini_cell, regular, replaced

import ann_backend
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")


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
