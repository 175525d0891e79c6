"""mod/: channels against the published equations, synapses against theirs."""

import itertools
import math

import numpy as np
import pytest

from ann_backend.nrn import h
from ann_backend.run.shipped import load_mechanisms

Q = 2.3**1.3


@pytest.fixture(autouse=True)
def neuron():
    load_mechanisms()
    h.celsius = 34
    h.dt = 0.025
    h.secondorder = 0


def ratio(x, k):
    """x / (1 - exp(-x / k)), with its limit."""
    return k if x == 0 else x / (1 - math.exp(-x / k))


def rates(a, b, q=1.0):
    """Steady state and time constant of a gate that opens at a(v), closes at b(v)."""
    return (lambda v: a(v) / (a(v) + b(v))), (lambda v: 1 / (q * (a(v) + b(v))))


def sigmoid(half, slope):
    return lambda v: 1 / (1 + math.exp(-(v - half) / slope))


def na_m(v):
    return 0.182 * ratio(v + 38, 6), 0.124 * ratio(-v - 38, 6)


def kp_m_tau(v):
    if v < -60:
        return (1.25 + 175.03 * math.exp(0.026 * (v + 10))) / Q
    return (1.25 + 13 * math.exp(-0.026 * (v + 10))) / Q


def kp_h_tau(v):
    bell = math.exp(-(((v + 85) / 48) ** 2))
    return (360 + (1010 + 24 * (v + 65)) * bell) / Q


GATES = {
    "ann_NaT.m": rates(lambda v: na_m(v)[0], lambda v: na_m(v)[1], Q),
    "ann_NaT.h": rates(
        lambda v: 0.015 * ratio(-v - 66, 6), lambda v: 0.015 * ratio(v + 66, 6), Q
    ),
    "ann_NaP.m": (sigmoid(-52.6, 4.6), lambda v: 6 / (Q * sum(na_m(v)))),
    "ann_NaP.h": (
        sigmoid(-48.8, -10),
        lambda v: (
            1 / (Q * (2.88e-6 * ratio(-v - 17, 4.63) + 6.94e-6 * ratio(v + 64.4, 2.63)))
        ),
    ),
    "ann_Kv31.m": (
        sigmoid(18.7, 9.7),
        lambda v: 4 / (1 + math.exp(-(v + 46.56) / 44.14)),
    ),
    "ann_KT.m": (
        sigmoid(-10, 19),
        lambda v: (0.34 + 0.92 * math.exp(-(((v + 81) / 59) ** 2))) / Q,
    ),
    "ann_KT.h": (
        sigmoid(-76, -10),
        lambda v: (8 + 49 * math.exp(-(((v + 83) / 23) ** 2))) / Q,
    ),
    "ann_KP.m": (sigmoid(-11, 12), kp_m_tau),
    "ann_KP.h": (sigmoid(-64, -11), kp_h_tau),
    "ann_Im.m": rates(
        lambda v: 0.0033 * math.exp(0.1 * (v + 35)),
        lambda v: 0.0033 * math.exp(-0.1 * (v + 35)),
        Q,
    ),
    "ann_Ih.m": rates(
        lambda v: 0.00643 * ratio(-v - 154.9, 11.9),
        lambda v: 0.193 * math.exp(v / 33.1),
    ),
    "ann_CaHVA.m": rates(
        lambda v: 0.055 * ratio(v + 27, 3.8), lambda v: 0.94 * math.exp((-75 - v) / 17)
    ),
    "ann_CaHVA.h": rates(
        lambda v: 0.000457 * math.exp((-13 - v) / 50),
        lambda v: 0.0065 / (math.exp((-15 - v) / 28) + 1),
    ),
    "ann_CaLVA.m": (
        sigmoid(-40, 6),
        lambda v: (5 + 20 / (1 + math.exp((v + 35) / 5))) / Q,
    ),
    "ann_CaLVA.h": (
        sigmoid(-90, -6.4),
        lambda v: (20 + 50 / (1 + math.exp((v + 50) / 7))) / Q,
    ),
}
SINGULAR_MV = (-154.9, -66.0, -64.4, -38.0, -27.0, -17.0)
VOLTAGES_MV = (-120.0, -90.0, -75.0, -61.0, -50.0, -20.0, 15.0, *SINGULAR_MV)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_starts_and_relaxes_as_published(name):
    mechanism, gate = name.split(".")
    steady, tau = GATES[name]
    cell = h.Section(name="cell")
    cell.insert(mechanism)
    clamp = h.SEClamp(cell(0.5))
    clamp.rs, clamp.dur1 = 1e-6, 1e9
    for before, after in itertools.pairwise(VOLTAGES_MV):
        clamp.amp1 = after
        h.finitialize(before)
        start = getattr(getattr(cell(0.5), mechanism), gate)
        assert start == pytest.approx(steady(before), rel=1e-4, abs=1e-12)
        for _ in range(20):
            h.fadvance()
        relaxed = steady(after) + (start - steady(after)) * math.exp(-0.5 / tau(after))
        found = getattr(getattr(cell(0.5), mechanism), gate)
        assert found == pytest.approx(relaxed, rel=2e-3, abs=1e-7)


CURRENTS = {
    "ann_NaT": ("ina", "ena", {"m": 3, "h": 1}),
    "ann_NaP": ("ina", "ena", {"m": 3, "h": 1}),
    "ann_Kv31": ("ik", "ek", {"m": 1}),
    "ann_KT": ("ik", "ek", {"m": 4, "h": 1}),
    "ann_KP": ("ik", "ek", {"m": 2, "h": 1}),
    "ann_Im": ("ik", "ek", {"m": 1}),
    "ann_SK": ("ik", "ek", {"z": 1}),
    "ann_Ih": ("i", "eh", {"m": 1}),
    "ann_CaHVA": ("ica", "eca", {"m": 2, "h": 1}),
    "ann_CaLVA": ("ica", "eca", {"m": 2, "h": 1}),
}


@pytest.mark.parametrize("mechanism", CURRENTS)
def test_a_current_is_conductance_times_gates_times_driving_force(mechanism):
    current, reversal, powers = CURRENTS[mechanism]
    cell = h.Section(name="cell")
    cell.insert(mechanism)
    segment = cell(0.5)
    channel = getattr(segment, mechanism)
    channel.gbar = 0.01
    for v in VOLTAGES_MV:
        h.finitialize(v)
        e = channel.eh if reversal == "eh" else getattr(segment, reversal)
        gates = math.prod(getattr(channel, g) ** p for g, p in powers.items())
        expected = 0.01 * gates * (v - e)
        assert getattr(channel, current) == pytest.approx(expected, rel=1e-9)


def test_shift_moves_the_transient_sodium_current_along_the_voltage():
    plain, shifted = h.Section(name="plain"), h.Section(name="shifted")
    for section, v in ((plain, -46), (shifted, -40)):
        section.insert("ann_NaT")
        section.v = v
    shifted(0.5).ann_NaT.shift = 6
    h.finitialize()
    for gate in ("m", "h"):
        a, b = (getattr(s(0.5).ann_NaT, gate) for s in (plain, shifted))
        assert a == pytest.approx(b, rel=1e-12)


def test_sk_opens_by_half_at_0_43_uM_of_calcium():
    cell = h.Section(name="cell")
    cell.insert("ann_SK")
    for cai, opened in ((4.3e-4, 0.5), (0.0, 0.0), (4.3e-3, 1 / (1 + 0.1**4.8))):
        cell(0.5).cai = cai
        h.finitialize(-60)
        assert cell(0.5).ann_SK.z == pytest.approx(opened, rel=1e-9)


def test_calcium_fills_its_shell_and_decays():
    cell = h.Section(name="cell")
    cell.insert("ann_CaHVA")
    cell.insert("ann_CaDyn")
    segment = cell(0.5)
    segment.ann_CaHVA.gbar = 1e-3
    clamp = h.SEClamp(segment)
    clamp.rs, clamp.dur1, clamp.amp1 = 1e-6, 1e9, -20
    h.finitialize(-20)
    assert segment.cai == pytest.approx(1e-4)
    expected = segment.cai
    for _ in range(400):
        influx = -0.05 * segment.ica * 1e4 / (2 * 96485.33 * 0.1)
        h.fadvance()
        expected += 0.025 * (influx - (expected - 1e-4) / 80)
    assert expected > 5e-4
    assert segment.cai == pytest.approx(expected, rel=0.02)


def deliver(synapse, times, weight=0.001, late=False):
    """Jump of B at each event of one connection; nothing decays in between."""
    if late:
        h.finitialize(-70)
    connection = h.NetCon(None, synapse)
    connection.weight[0] = weight
    if not late:
        h.finitialize(-70)
    for t in times:
        connection.event(float(t))
    name = "B_AMPA" if hasattr(synapse, "B_AMPA") else "B"
    jumps, last = [], 0.0
    for t in times:
        while h.t < t + 0.05:
            h.fadvance()
        jumps.append(getattr(synapse, name) - last)
        last = getattr(synapse, name)
    return np.array(jumps)


def tsodyks_markram(times, U, tau_rec, tau_fac):
    """u R of each event: Maass & Markram 2002, equations 1 and 2."""
    effects = []
    u, R = U, 1.0
    for k, t in enumerate(times):
        if k:
            gap = t - times[k - 1]
            facilitated = math.exp(-gap / tau_fac) if tau_fac else 0.0
            recovering = math.exp(-gap / tau_rec) if tau_rec else 0.0
            u, R = (
                U + u * (1 - U) * facilitated,
                1 + (R - u * R - 1) * recovering,
            )
        effects.append(u * R)
    return np.array(effects)


def slow(mechanism, cell, **plasticity):
    """A synapse that does not decay, so that events can be told apart."""
    synapse = getattr(h, mechanism)(cell(0.5))
    for name in [n for n in dir(synapse) if n.startswith("tau_decay")]:
        setattr(synapse, name, 1e9)
    for name, value in plasticity.items():
        setattr(synapse, name, value)
    return synapse


DEPRESSING = {"U": 0.5, "tau_rec": 800.0, "tau_fac": 0.0}
FACILITATING = {"U": 0.05, "tau_rec": 100.0, "tau_fac": 1000.0}
BOTH = {"U": 0.25, "tau_rec": 700.0, "tau_fac": 20.0}
TIMES = np.cumsum([5.0, 10.0, 3.0, 50.0, 0.5, 120.0, 20.0, 1.0, 15.0])


@pytest.mark.parametrize("mechanism", ["ann_AMPANMDA", "ann_GABAA"])
@pytest.mark.parametrize("plasticity", [DEPRESSING, FACILITATING, BOTH])
def test_plasticity_is_the_recursion_of_tsodyks_and_markram(mechanism, plasticity):
    cell = h.Section(name="cell")
    found = deliver(slow(mechanism, cell, **plasticity), TIMES)
    expected = 0.001 * tsodyks_markram(TIMES, **plasticity)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_connection_made_after_finitialize_starts_rested():
    cell = h.Section(name="cell")
    found = deliver(slow("ann_GABAA", cell, **BOTH), TIMES, late=True)
    assert found == pytest.approx(0.001 * tsodyks_markram(TIMES, **BOTH), rel=1e-5)


def test_each_connection_has_its_own_state_and_finitialize_rests_it():
    cell = h.Section(name="cell")
    synapse = slow("ann_AMPANMDA", cell, **DEPRESSING)
    first = deliver(synapse, [5.0, 10.0])
    other = h.NetCon(None, synapse)  # beside the next one; it has no event
    again = deliver(synapse, [5.0, 10.0])
    assert again == pytest.approx(first, rel=1e-9)
    assert first[0] == pytest.approx(0.0005, rel=1e-6)
    assert list(other.weight)[1:] == [0, 0, 0]


@pytest.mark.parametrize("mechanism", ["ann_AMPANMDA", "ann_GABAA"])
def test_without_plasticity_every_event_counts_with_its_weight(mechanism):
    cell = h.Section(name="cell")
    found = deliver(slow(mechanism, cell), TIMES)
    assert found == pytest.approx(np.full(len(TIMES), 0.001), rel=1e-5)


def test_ampa_and_nmda_peak_at_weight_and_at_ratio_times_weight():
    cell = h.Section(name="cell")
    synapse = h.ann_AMPANMDA(cell(0.5))
    synapse.ratio = 0.5
    connection = h.NetCon(None, synapse)
    connection.weight[0] = 0.001
    h.dt = 0.005
    h.finitialize(-70)
    connection.event(0.0)
    ampa, nmda = [], []
    while h.t < 20:
        h.fadvance()
        ampa.append(synapse.B_AMPA - synapse.A_AMPA)
        nmda.append(synapse.B_NMDA - synapse.A_NMDA)
    assert max(ampa) == pytest.approx(0.001, rel=1e-3)
    assert max(nmda) == pytest.approx(0.0005, rel=1e-3)
    rise, decay = 0.29, 43.0
    peak = rise * decay / (decay - rise) * math.log(decay / rise)
    assert (np.argmax(nmda) + 1) * h.dt == pytest.approx(peak, abs=0.02)


def test_magnesium_blocks_nmda_and_not_ampa():
    cell = h.Section(name="cell")
    synapse = h.ann_AMPANMDA(cell(0.5))
    for v in (-80.0, -40.0, 20.0):
        h.finitialize(v)
        synapse.B_AMPA, synapse.B_NMDA = 0.002, 0.003
        h.fcurrent()
        opened = 1 / (1 + math.exp(-0.062 * v) / 3.57)
        assert synapse.i == pytest.approx((0.002 + 0.003 * opened) * v, rel=1e-9)


@pytest.mark.parametrize(
    ("ours", "builtin", "names"),
    [
        ("ann_AMPA", "ExpSyn", {"tau": "tau", "e": "e"}),
        ("ann_GABAA", "Exp2Syn", {"tau_rise": "tau1", "tau_decay": "tau2", "e": "e"}),
    ],
)
def test_the_simple_synapses_are_neurons_own(ours, builtin, names):
    voltages = []
    for name in (ours, builtin):
        cell = h.Section(name="cell")
        cell.insert("pas")
        synapse = getattr(h, name)(cell(0.5))
        default = getattr(h, ours)(cell(0.5))
        for our, theirs in names.items():
            setattr(synapse, our if name == ours else theirs, getattr(default, our))
        connection = h.NetCon(None, synapse)
        connection.weight[0] = 0.002
        h.finitialize(-65)
        for t in (1.0, 1.5, 8.0):
            connection.event(t)
        v = []
        while h.t < 20:
            h.fadvance()
            v.append(cell(0.5).v)
        voltages.append(v)
    assert voltages[0] == pytest.approx(voltages[1], abs=1e-9)
    assert max(np.abs(np.array(voltages[0]) + 65)) > 0.1
