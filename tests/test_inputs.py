"""Inputs that are more than an event with its weight: plastic synapses, a clamp."""

import numpy as np
import pytest
from double import Silent, bundle_for, channel, install, mini_cell

import ann_backend
from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms
from ann_backend.template import locate
from ann_backend.train.cell import SHIPPED
from ann_backend.train.resolve import resolve

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture(scope="module")
def plastic():
    """Our mechanisms, loaded."""
    load_mechanisms()


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


def test_a_change_of_the_model_in_a_bin_loses_no_charge(monkeypatch):
    silent = Silent()
    cell, clamp, bundle = clamped(monkeypatch, silent)
    clamp.delay, clamp.dur = 0, 6
    ann_backend.replace(cell, bundle=bundle)
    h.finitialize(-65)
    h.continuerun(3.5)
    other = h.Section("other")
    h.continuerun(10)
    assert sum(e[3] for e in silent.events) == pytest.approx(6 * 0.3)
    assert other


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_clamp_that_goes_leaves_its_charge(monkeypatch, how):
    silent = Silent()
    cell, clamp, bundle = clamped(monkeypatch, silent)
    clamp.delay, clamp.dur = 0, 6
    ann_backend.replace(cell, bundle=bundle)
    away = h.Section("away")
    h.finitialize(-65)
    h.continuerun(2.5)
    if how == "deleted":
        del clamp
    else:
        clamp.loc(away(0.5))
    ann_backend.report()
    h.continuerun(10)
    assert sum(e[3] for e in silent.events) == pytest.approx(2.5 * 0.3)


def test_no_charge_is_made_of_time_that_no_bin_covers(monkeypatch):
    silent = Silent()
    cell, clamp, bundle = clamped(monkeypatch, silent)
    clamp.delay, clamp.dur = -1e3, 1e4
    ann_backend.replace(cell, bundle=bundle)
    h.finitialize(-65)
    h.t = -50
    h.continuerun(3)
    h.t = 100
    h.continuerun(102)
    assert sum(e[3] for e in silent.events) == pytest.approx(5 * 0.3)


def test_a_clamp_that_the_bundle_has_no_channel_for_names_the_ones_it_has(monkeypatch):
    cell, clamp, bundle = clamped(monkeypatch, Silent())
    clamp.loc(cell.dend(0.5))
    ann_backend.replace(cell, bundle=bundle)
    with pytest.raises(RuntimeError, match=r"IClamp at soma\(0.5\) only"):
        h.finitialize(-65)


@pytest.mark.slow
def test_every_dendritic_segment_of_l5pc_is_an_input(monkeypatch):
    described = resolve(SHIPPED["L5PC"])
    channels = [
        channel(c.location, c.synapses[0][0], (-1, 1), **c.synapses[0][1])
        for c in described.channels
    ]
    silent = Silent()
    install(monkeypatch, silent)
    ann_backend.load("L5PC")
    h.celsius = described.celsius
    cell = h.L5PC()
    bundle = bundle_for(cell, v_init=described.v_init_mV, channels=channels)
    ann_backend.replace(cell, bundle=bundle)
    points, netcons = [], []
    for c in described.channels:
        section, x = locate(cell, c.location)
        mechanism, parameters = c.synapses[0]
        points.append(getattr(h, mechanism)(section(x)))
        for name, value in parameters.items():
            setattr(points[-1], name, value)
        if mechanism != "IClamp":
            netcons.append(h.NetCon(None, points[-1]))
            netcons[-1].weight[0] = 0.001
    clamp = points[-1]
    clamp.delay, clamp.dur, clamp.amp = 0, 1, 0.25
    h.finitialize(described.v_init_mV)
    for netcon in netcons:
        netcon.event(0.5)
    h.continuerun(2)
    found = [e[2] for e in sorted(silent.events, key=lambda e: e[2])]
    assert found == list(range(len(channels)))
    assert [e[3] for e in silent.events if e[2] == len(channels) - 1] == [0.25]
