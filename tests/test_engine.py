"""The engine, in each of its variants, against torch and against closed forms."""

import numpy as np
import pytest
import random_network
from random_network import (
    NO_TREE,
    NONE,
    READOUT,
    TREE,
    VARIANTS,
    engine,
    event,
    networks,
)
from reference import (
    reference_outputs,
    reference_spikes,
    reference_traces,
    run,
    trials,
)

from ann_backend import _engine

variants = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture(scope="module", params=[NO_TREE, TREE], ids=["plain", "tree"])
def expected(request):
    parents, B, T = request.param, 4, 10_000
    named, bins = random_network.tensors(parents=parents), trials(B, T)
    traces = reference_traces(named, B, bins)
    return parents, bins, reference_outputs(named, traces, parents)


@pytest.fixture(scope="module", params=VARIANTS)
def against_torch(request, expected):
    parents, bins, outputs = expected
    return outputs, run(engine(4, variant=request.param, parents=parents), bins)


def test_outputs_equal_torch_to_1e_4_over_10000_bins(against_torch):
    expected, (outputs, _, _) = against_torch
    # Relative to the value or, where a logit passes through zero, to its spread.
    scale = np.maximum(np.abs(expected), expected.std(axis=(0, 1)))
    error = np.abs(outputs - expected) / scale
    assert error.max() <= 1e-4, error.max(axis=(0, 1))


def test_no_error_builds_up_over_10000_bins(against_torch):
    expected, (outputs, _, _) = against_torch
    error = np.abs(outputs - expected).reshape(10, -1).max(axis=1)
    assert error[-1] <= 3 * error[0] + 1e-6


def test_spikes_equal_torch_over_10000_bins(against_torch):
    expected, (_, _, spikes) = against_torch
    wanted = reference_spikes(expected, READOUT)
    assert 1000 < len(wanted) < 9000
    assert [(row, int(t)) for row, t in spikes] == [(row, int(t)) for row, t in wanted]
    np.testing.assert_allclose(
        [t for _, t in spikes], [t for _, t in wanted], atol=1e-4
    )


@variants
@pytest.mark.parametrize("threshold", [0.4, 0.8])
def test_a_hazard_that_lasts_makes_as_many_spikes_as_it_says(variant, threshold):
    named = random_network.tensors(L=1)
    named["head_w2"][...] = 0
    named["head_b2"][...] = -3.0, 0.0, 0.0  # 1 in 21.1 bins
    forgets = engine(1, named, variant=variant, hazard_threshold=threshold)
    keeps = engine(1, named, variant=variant, hazard_threshold=threshold, memory_ms=1e6)
    assert run(forgets, [NONE] * 1000)[2] == []
    expected = round(1000 / (1 + np.exp(3.0)) + 0.5 - threshold)
    assert len(run(keeps, [NONE] * 1000)[2]) == expected


def since_the_last_spike(shape, spikes):
    """At the end of each bin, ms; those of one bin's [T, B] voltages."""
    since = np.full(shape, np.inf)
    for row, t in spikes:  # sorted: a later spike overwrites
        first = int(t)
        since[first:, row] = np.arange(first, shape[0]) + 1 - t
    return since


def test_voltage_is_the_network_s_own_below_the_clip(against_torch):
    _, (outputs, voltages, _) = against_torch
    base = -65.0 + 5.0 * outputs[..., 2].astype(float)
    below = base < -55.0
    assert 0.1 < below.mean() < 0.99
    np.testing.assert_allclose(voltages[below], base[below], atol=1e-12)


def test_voltage_at_the_clip_is_the_template_where_it_covers_the_bin_s_end(
    against_torch,
):
    _, (outputs, voltages, spikes) = against_torch
    template = random_network.tensors()["ap"].astype(float)
    at = READOUT["ap_start_ms"] + READOUT["ap_dt_ms"] * np.arange(len(template))
    since = since_the_last_spike(voltages.shape, spikes)
    clipped = -65.0 + 5.0 * outputs[..., 2].astype(float) >= -55.0
    covered = clipped & (since <= at[-1] - 1e-9)
    assert covered.sum() > 100
    wanted = np.interp(since[covered], at, template)
    np.testing.assert_allclose(voltages[covered], wanted, atol=1e-9)
    bare = clipped & (since > at[-1] + 1e-9)
    assert bare.sum() > 100
    assert (voltages[bare] == -55.0).all()


def linear_readout_of_traces(named):
    """Weights that carry trace 0 to output 2 with nothing done to it but `shown`."""
    for name in named:
        if name.startswith(("branch", "mix", "lstm", "head")):
            named[name][...] = 0
    named["branch_w"][0, 0, 0, 0] = 1
    named["mix_w"][0, 0] = 1
    H = len(named["lstm0_wh"])
    named["lstm0_wx"][0, 2 * H] = 1  # candidate of unit 0
    named["lstm0_bias"][:H] = 30  # input gates open
    named["lstm0_bias"][H : 2 * H] = -30  # forget gates closed
    named["lstm0_bias"][3 * H :] = 30  # output gates open
    named["head_w1"][0, 0] = 1
    named["head_w2"][0, 2] = 1
    return named


def shown(trace):
    """What the mix's root and the LSTM's tanh make of a trace."""
    return np.tanh(np.tanh(trace / np.sqrt(1.0 + trace)))


@variants
def test_no_burst_is_left_when_a_hazard_of_one_ends(variant):
    named = linear_readout_of_traces(random_network.tensors(L=1))
    named["tau"][0, 0], named["embedding"][:, 0] = 0.5, 1e4
    named["head_w2"][0], named["head_b2"][0] = (40.0, 0.0, 0.0), -20.0
    surrogate = engine(1, named, variant=variant, memory_ms=1e6, refractory_ms=10.0)
    bins = [event(t=t + 0.5) for t in range(100)] + [NONE] * 300
    outputs, _, spikes = run(surrogate, bins)
    assert (outputs[:100, 0, 0] > 10.0).all()
    assert (outputs[110:, 0, 0] < -10.0).all()
    times = np.array([t for _, t in spikes])
    assert np.sum(times < 100) == 10
    assert np.sum(times >= 100) <= 1


@variants
def test_events_count_at_their_exact_times(variant):
    named = linear_readout_of_traces(random_network.tensors(L=1))
    tau, gain, weight = float(named["tau"][0, 0]), 40.0, 0.01
    named["embedding"][:, 0] = gain
    surrogate = engine(1, named, variant=variant)
    for t in (0.0, 0.1, 0.4999, 0.9, 1.0 - 1e-9):
        surrogate.reset()
        surrogate.step(0.0, *event(weight=weight, t=t))
        for later in range(3):
            trace = gain * weight * np.exp(-(later + 1 - t) / tau)
            wanted = pytest.approx(shown(trace), rel=2e-6)
            assert surrogate.outputs[0, 2] == wanted
            surrogate.step(later + 1.0, *NONE)


def test_event_a_hair_before_the_bin_keeps_its_exact_time():
    named = linear_readout_of_traces(random_network.tensors(L=1))
    named["embedding"][:, 0] = 40
    surrogate = engine(1, named)
    surrogate.step(5.0, *event(t=4.95))
    trace = 0.4 * np.exp(-1.05 / float(named["tau"][0, 0]))
    assert surrogate.outputs[0, 2] == pytest.approx(shown(trace), rel=2e-6)


ONES = {"G": 1, "K": 1, "W": 1, "N": 1, "U": 1, "H": 1, "L": 1, "M": 1}


@variants
@pytest.mark.parametrize(
    "sizes",
    [
        {"P": 0},
        {"P": 1},
        {"P": 0, "U": 5, "H": 7, "M": 3},
        {"P": 9, "G": 10, "N": 5, "K": 3, "U": 3, "H": 17, "W": 2, "M": 9},
        {"P": 0, "G": 4, "N": 1, "K": 4, "U": 32, "H": 64, "M": 32},
    ],
)
def test_odd_sizes_equal_torch(sizes, variant):
    named = random_network.tensors(C=2, **{**ONES, **sizes})
    bins = trials(2, 200, C=2)
    expected = reference_outputs(named, reference_traces(named, 2, bins))
    found = run(engine(2, named, variant=variant), bins)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


@variants
@pytest.mark.parametrize(
    ("parents", "sizes"),
    [
        ([-1], {"P": 0}),
        ([-1, 0], {"P": 1, "U": 3, "G": 2}),
        (range(-1, 40), {"P": 9, "U": 4, "G": 41, "H": 7}),  # a chain
        ([-1] + [0] * 40, {"P": 0, "U": 6, "G": 41, "H": 7, "W": 2}),  # a star
        ([-1, 0, 0, 1, 1, 2, 2, 5, 5], {"P": 0, "U": 9, "G": 18, "K": 3}),
    ],
)
def test_trees_equal_torch(parents, sizes, variant):
    parents = list(parents)
    named = random_network.tensors(C=2, parents=parents, **{**ONES, **sizes})
    bins = trials(2, 200, C=2)
    traces = reference_traces(named, 2, bins)
    found = run(engine(2, named, variant=variant, parents=parents), bins)[0]
    expected = reference_outputs(named, traces, parents)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_a_bundle_may_have_no_template():
    surrogate = engine(2, random_network.tensors(A=0))
    _, voltages, spikes = run(surrogate, trials(2, 600))
    assert len(spikes) > 10
    assert voltages.max() <= -55


@networks
@variants
def test_an_output_that_is_not_finite_names_row_bin_and_inputs(variant, parents):
    surrogate = engine(3, variant=variant, parents=parents)
    silent = event(channel=1, weight=1e38, t=7.5, row=1)
    doubled = tuple(np.repeat(array, 2) for array in silent)
    message = r"row 1, bin at t = 7 ms, after 2 events.*reset the engine"
    with pytest.raises(_engine.NonFiniteError, match=message):
        surrogate.step(7.0, *doubled)
    surrogate.reset()
    surrogate.step(8.0, *NONE)
    assert np.isfinite(surrogate.outputs).all()


def test_cuda_devices_are_asked_for_without_an_error():
    assert _engine.cuda_available() == bool(_engine.cuda_devices())
    assert _engine.cuda_built or not _engine.cuda_available()


def test_population_is_a_named_capsule():
    assert 'capsule object "ann_backend.population"' in repr(engine().population)
