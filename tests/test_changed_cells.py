"""Cells that change after replace() are refused, and the script survives it."""

import pytest
from double import bundle_for, channel, fails, mini_cell, replaced

import ann_backend
from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms
from ann_backend.template import fingerprint

pytestmark = pytest.mark.usefixtures("fresh")


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
def test_a_reversal_potential_that_a_mechanism_writes_is_no_change():
    cell = mini_cell()()
    h.ion_style("na_ion", 1, 2, 0, 0, 0, sec=cell.soma)  # as WRITE ena declares it
    fits = bundle_for(cell)
    cell.soma.ena = 40
    ann_backend.replace(cell, bundle=fits)
    cell.soma.ena = 30
    h.finitialize(-65)
    assert len(ann_backend.report().cells) == 1


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
