"""What the coupling holds of a bin that is under way is in its state."""

import gc

import pytest
from double import Silent, bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend import _neuron
from ann_backend.nrn import h

pytestmark = pytest.mark.filterwarnings(
    "ignore::ann_backend.errors.ApproximationWarning"
)
CHANNELS = [
    channel("soma(0.5)", "IClamp", (-1, 1)),
    channel("dend(0.5)", "ExpSyn", (0, 1), tau=2.0, e=0.0),
]


@pytest.fixture
def model(monkeypatch):
    """A clamp and three events in each bin, the second of them late."""
    silent = Silent()
    install(monkeypatch, silent)
    h.dt, h.steps_per_ms = 0.025, 40
    cell = mini_cell()()
    clamp = h.IClamp(cell.soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 2.3, 5.05, 0.3
    synapse, stim = h.ExpSyn(cell.dend(0.5)), h.NetStim()
    synapse.tau = 2
    stim.interval, stim.start, stim.number = 0.31, 0, 1e9
    netcon = h.NetCon(stim, synapse, 0, 1.1, 0.03)
    ann_backend.replace(cell, bundle=bundle_for(cell, channels=CHANNELS))
    yield silent, (cell, clamp, synapse, stim, netcon)
    del cell, clamp, synapse, stim, netcon
    ann_backend.restore()
    gc.collect()
    h.finitialize(-65)


@pytest.mark.parametrize("cut", [4.0, 4.3, 7.2, 7.975])
def test_the_engine_is_given_the_same_events_after_a_split(model, cut):
    silent, _ = model
    h.finitialize(-65)
    h.continuerun(12)
    whole = [e for e in silent.events if e[0] >= int(cut)]
    assert len(whole) > 10
    h.finitialize(-65)
    h.continuerun(cut)
    neurons, ours = h.SaveState(), _neuron.save()
    neurons.save()
    h.continuerun(9)
    silent.events.clear()
    h.finitialize(-65)
    neurons.restore()
    _neuron.load(ours)
    h.continuerun(12)
    assert silent.events == whole


def test_a_state_is_loaded_where_sections_were_made_since(model):
    _, (cell, *_) = model
    h.finitialize(-65)
    ours = _neuron.save()
    made = [h.Section(name=f"made{i}") for i in range(200)]  # NEURON's data move
    cell.soma(0.5).v = 0
    _neuron.load(ours)
    assert cell.soma(0.5).v == -65
    del made


def test_a_model_with_another_clamp_is_refused(model):
    _, (cell, *_) = model
    h.finitialize(-65)
    ours = _neuron.save()
    another = h.IClamp(cell.soma(0.5))
    h.finitialize(-65)
    with pytest.raises(ValueError, match="other current clamps on the replaced cells"):
        _neuron.load(ours)
    del another
