"""Cells for tests: Python classes and functions that the training line can import."""

import os

from ann_backend.nrn import h
from ann_backend.train.cell import CellDescription, ChannelDescription

AMPA = ChannelDescription(
    name="AMPA",
    location="dendrites",
    synapses=(("ExpSyn", {"tau": 2.0, "e": 0.0}),),
    role="excitatory",
    unit_uS=0.001,
    rate_Hz=5.0,
    tau_ms=(0.5, 2.0, 5.0, 15.0),
)
STICK = CellDescription(name="Stick", template="small_cells:Stick", channels=(AMPA,))


class Stick:
    """A soma, a dendrite of 400 um, two twigs, an axon; optionally with synapses."""

    def __init__(self, synapses=False):
        self.soma = h.Section("soma", self)
        self.dend = [h.Section(f"dend[{k}]", self) for k in range(3)]
        self.axon = h.Section("axon", self)
        self.soma.L = self.soma.diam = 20
        self.dend[0].connect(self.soma(1))
        self.dend[1].connect(self.dend[0](1))
        self.dend[2].connect(self.dend[0](1))
        self.axon.connect(self.soma(0))
        for section, L in zip(self.dend, (400, 30, 30), strict=True):
            section.L, section.diam, section.nseg = L, 2, max(1, L // 80)
            section.insert("pas")
            section.g_pas, section.e_pas = 5e-5, -65
        for section in (self.soma, self.axon):
            section.insert("hh")
        self.synapses = []
        if synapses:
            self.place()

    def place(self):
        for x, kind in ((0.1, h.ExpSyn), (0.1, h.ExpSyn), (0.9, h.Exp2Syn)):
            self.synapses.append(kind(self.dend[0](x)))
        self.synapses[2].tau1, self.synapses[2].tau2 = 0.5, 6
        self.synapses[2].e = -75
        self.synapses.append(h.IClamp(self.soma(0.5)))


class Shapeless:
    """No soma."""

    def __init__(self):
        self.dend = h.Section("dend", self)


class Namesakes(Stick):
    """Two dendrites of one name."""

    def __init__(self):
        super().__init__()
        self.more = [h.Section("dend", self) for _ in range(2)]
        for section in self.more:
            section.connect(self.soma(1))


class Cellbody:
    """A soma of another name, with a synapse."""

    def __init__(self):
        self.soma = h.Section("cell_body", self)
        self.synapse = h.ExpSyn(self.soma(0.5))


def chance():
    """A stick of another length each time."""
    one = Stick()
    one.dend[0].L = 300 + 1e-3 * os.getpid()
    return one


def broken():
    """Does not build."""
    raise ValueError("no morphology file")


def rest(cell, ms):
    """Of a described cell, left alone: the soma's voltage and each segment's, mV."""
    from ann_backend import template
    from ann_backend.train import build

    build.load(cell, fast=False)
    one = build.instance(cell)
    h.celsius, h.dt = cell.celsius, 0.05
    h.finitialize(cell.v_init_mV)
    while h.t < ms:
        h.fadvance()
    voltages = [segment.v for section in template.sections(one) for segment in section]
    return template.soma(one)(0.5).v, voltages
