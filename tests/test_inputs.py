"""Inputs that are more than an event with its weight: plastic synapses, a clamp."""

import numpy as np
import pytest
from double import Silent, bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend import paths
from ann_backend.nrn import h, version


@pytest.fixture(autouse=True)
def _restored():
    yield
    ann_backend.restore()
    h.dt, h.steps_per_ms = 0.025, 40


@pytest.fixture(scope="module")
def plastic():
    """Our mechanisms, loaded."""
    if not hasattr(h, "ann_AMPANMDA"):
        names = ("ann_AMPANMDA.mod", "ann_GABAA.mod")
        files = [paths.mod_dir() / name for name in names]
        h.nrn_load_dll(str(paths.mechanisms(files, version())))


def recursion(times, U, tau_rec, tau_fac):
    """u R of each event: Maass & Markram (2002), equations 2 and 3."""
    u, R, out = U, 1.0, []
    for k in range(len(times)):
        if k:
            gap = times[k] - times[k - 1]
            R = 1 + (R - u * R - 1) * (np.exp(-gap / tau_rec) if tau_rec else 0)
            u = U + u * (1 - U) * (np.exp(-gap / tau_fac) if tau_fac else 0)
        out.append(u * R)
    return np.array(out)


TIMES = [1.0, 4.5, 11.0, 12.0, 60.0]


@pytest.mark.usefixtures("plastic")
@pytest.mark.parametrize("mechanism", ["ann_AMPANMDA", "ann_GABAA"])
@pytest.mark.parametrize(
    "kinetics", [(0.5, 800.0, 0.0), (0.16, 45.0, 376.0), (0.3, 0.0, 100.0)]
)
def test_a_plastic_synapse_sends_its_effective_weights(
    monkeypatch, mechanism, kinetics
):
    silent = Silent()
    install(monkeypatch, silent)
    cell = mini_cell()()
    bundle = bundle_for(cell, channels=[channel("dend(0.5)", mechanism)])
    ann_backend.replace(cell, bundle=bundle)
    synapse = getattr(h, mechanism)(cell.dend(0.5))
    synapse.U, synapse.tau_rec, synapse.tau_fac = kinetics
    netcon = h.NetCon(None, synapse)
    netcon.weight[0] = 0.002
    other = h.NetCon(None, synapse)  # a connection has a state of its own
    other.weight[0] = 0.003
    for _ in range(2):  # a finitialize brings the connections to rest
        silent.events.clear()
        h.finitialize(-65)
        for t in TIMES:
            netcon.event(t)
        other.event(30.0)
        h.continuerun(70)
        weights = np.array([e[3] for e in sorted(silent.events, key=lambda e: e[4])])
        expected = 0.002 * recursion(TIMES, *kinetics)
        np.testing.assert_allclose(weights[[0, 1, 2, 3, 5]], expected, rtol=1e-12)
        assert weights[4] == pytest.approx(0.003 * kinetics[0])


@pytest.mark.usefixtures("plastic")
def test_a_static_synapse_sends_the_users_weight(monkeypatch):
    silent = Silent()
    install(monkeypatch, silent)
    cell = mini_cell()()
    bundle = bundle_for(cell, channels=[channel("dend(0.5)", "ann_AMPANMDA")])
    ann_backend.replace(cell, bundle=bundle)
    synapse = h.ann_AMPANMDA(cell.dend(0.5))
    netcon = h.NetCon(None, synapse)
    netcon.weight[0] = 0.002
    h.finitialize(-65)
    for t in TIMES:
        netcon.event(t)
    h.continuerun(70)
    assert [e[3] for e in silent.events] == [0.002] * len(TIMES)


def clamped(monkeypatch, silent):
    install(monkeypatch, silent)
    cell = mini_cell()()
    clamp = h.IClamp(cell.soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 2.3, 5.05, 0.3
    bundle = bundle_for(cell, channels=[channel("soma(0.5)", "IClamp", (-1, 1))])
    return cell, clamp, bundle


def test_a_current_step_arrives_as_charge_at_its_centre(monkeypatch):
    silent = Silent()
    cell, _clamp, bundle = clamped(monkeypatch, silent)
    ann_backend.replace(cell, bundle=bundle)
    h.tstop = 10
    h.run()
    found = [(t, charge) for _, _, _, charge, t in silent.events]
    expected = [(2.65, 0.21), *((3.5 + k, 0.3) for k in range(4)), (7.175, 0.105)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("dt", [0.025, 0.1])
def test_a_played_current_delivers_the_charge_that_neuron_does(monkeypatch, dt):
    silent = Silent()
    cell, clamp, bundle = clamped(monkeypatch, silent)
    clamp.delay, clamp.dur = 0, 1e9
    t = h.Vector(np.arange(0, 20.01, 0.5))
    wave = h.Vector(np.sin(np.arange(0, 20.01, 0.5)))
    wave.play(clamp._ref_amp, t, True)
    h.dt, h.steps_per_ms = dt, 1 / dt
    h.tstop = 20
    current = h.Vector().record(clamp._ref_i)
    h.run()
    i = np.array(current)[1:].reshape(20, -1)
    del current
    ann_backend.replace(cell, bundle=bundle)
    h.run()
    charge = np.zeros(20)
    for t0, _, _, q, _ in silent.events:
        charge[int(t0)] += q
    np.testing.assert_allclose(charge, i.sum(1) * dt, atol=1e-9)


def test_a_clamp_that_the_bundle_has_no_channel_for_names_the_ones_it_has(monkeypatch):
    cell, clamp, bundle = clamped(monkeypatch, Silent())
    clamp.loc(cell.dend(0.5))
    ann_backend.replace(cell, bundle=bundle)
    with pytest.raises(RuntimeError, match=r"IClamp at soma\(0.5\) only"):
        h.finitialize(-65)
