"""NetCons onto replaced cells with a weight or a delay that cannot be."""

import math
import re

import pytest
from double import bundle_for, mini_cell

import ann_backend
from ann_backend.nrn import h

pytestmark = pytest.mark.usefixtures("fresh")

EXPECTED = r"onto a replaced cell: expected a finite weight \(uS\) and a delay of 0 ms"
DELAYS = [-0.5, math.nan, math.inf]


def driven(netcons=1):
    """A replaced cell, and NetCons of one source onto it."""
    cell = mini_cell()()
    ann_backend.replace(cell, bundle=bundle_for(cell))
    synapse, stim = h.ExpSyn(cell.dend(0.5)), h.NetStim()
    synapse.tau, stim.interval, stim.number, stim.start = 2, 3, 1e9, 1
    made = [h.NetCon(stim, synapse, 0, 1, 0.02) for _ in range(netcons)]
    return made, (cell, synapse, stim)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -1e39])
def test_a_weight_that_cannot_be_is_refused_by_name(silent, weight):
    (netcon,), keep = driven()
    netcon.weight[0] = weight
    said = f"{re.escape(netcon.hname())} {EXPECTED}.*weight {re.escape(f'{weight:g}')}"
    with pytest.raises(RuntimeError, match=said):
        h.finitialize(-65)
    netcon.weight[0] = 0.02
    h.finitialize(-65)
    h.continuerun(5)
    assert len(silent.events) == 1
    assert keep


@pytest.mark.parametrize("delay", DELAYS)
def test_a_delay_that_cannot_be_is_refused_by_name(silent, delay):
    (netcon,), keep = driven()
    netcon.delay = delay
    with pytest.raises(RuntimeError, match=f"{EXPECTED}.*delay {delay:g}"):
        h.finitialize(-65)
    netcon.delay = 1
    h.finitialize(-65)
    h.continuerun(5)
    assert len(silent.events) == 1
    assert keep


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("netcons", [1, 9])  # nine: NEURON queues one event a spike
def test_so_is_one_that_is_set_during_a_run(silent, delay, netcons):
    made, keep = driven(netcons)
    h.finitialize(-65)
    h.continuerun(5)
    made[-1].delay = delay
    with pytest.raises(RuntimeError, match=f"{EXPECTED}.*delay {delay:g}"):
        h.continuerun(20)
    made[-1].delay = 1
    silent.events.clear()
    h.finitialize(-65)
    h.continuerun(5)
    assert len(silent.events) == netcons
    assert keep


def test_a_netcon_to_a_row_is_refused_too():
    ann_backend.load("HH")
    h.celsius = 6.3
    rows, stim = ann_backend.population("HH", 2), h.NetStim()
    netcon = h.NetCon(stim, rows.input(1, 0), 0, 1, math.nan)
    with pytest.raises(RuntimeError, match=f"{EXPECTED}.*weight nan"):
        h.finitialize(-65)
    netcon.weight[0] = 0.001
    h.finitialize(-65)


@pytest.mark.usefixtures("silent")
def test_one_onto_a_biophysical_cell_is_neurons():
    made, keep = driven()
    other = mini_cell()()
    synapse = h.ExpSyn(other.dend(0.5))
    netcon = h.NetCon(keep[2], synapse, 0, 1, math.nan)
    h.finitialize(-65)
    h.continuerun(5)
    assert math.isnan(other.dend(0.5).v)
    assert netcon.syn() == synapse
    assert made
