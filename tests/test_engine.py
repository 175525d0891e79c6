"""The engine against torch, against a closed form, and against itself."""

import threading
import time

import numpy as np
import pytest
import random_network
from random_network import READOUT
from reference import (
    reference_outputs,
    reference_spikes,
    reference_traces,
    run,
    trials,
)

from ann_backend import _engine

NONE = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


def engine(rows=1, named=None, **readout):
    named = random_network.tensors() if named is None else named
    return _engine.Engine(named, {**READOUT, **readout}, "cpu", rows)


def event(channel=0, weight=0.01, t=0.5, row=0):
    """One event, as the arrays that step takes."""
    return (
        np.array([row], np.int32),
        np.array([channel], np.int32),
        np.array([weight], np.float64),
        np.array([t], np.float64),
    )


@pytest.fixture(scope="module")
def against_torch():
    named, B, T = random_network.tensors(), 4, 10_000
    bins = trials(B, T)
    expected = reference_outputs(named, reference_traces(named, B, bins))
    return expected, run(engine(B, named), bins)


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
    """Weights that carry trace 0 to output 2 unchanged but for the LSTM's tanh."""
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


def test_events_count_at_their_exact_times():
    named = linear_readout_of_traces(random_network.tensors(L=1))
    tau, gain, weight = float(named["tau"][0, 0]), 40.0, 0.01
    named["embedding"][:, 0] = gain
    surrogate = engine(1, named)
    for t in (0.0, 0.1, 0.4999, 0.9, 1.0 - 1e-9):
        surrogate.reset()
        surrogate.step(0.0, *event(weight=weight, t=t))
        for later in range(3):
            trace = gain * weight * np.exp(-(later + 1 - t) / tau)
            wanted = np.tanh(np.tanh(trace))
            assert surrogate.outputs[0, 2] == pytest.approx(wanted, rel=2e-6)
            surrogate.step(later + 1.0, *NONE)


def test_event_a_hair_before_the_bin_keeps_its_exact_time():
    named = linear_readout_of_traces(random_network.tensors(L=1))
    named["embedding"][:, 0] = 40
    surrogate = engine(1, named)
    surrogate.step(5.0, *event(t=4.95))
    trace = 0.4 * np.exp(-1.05 / float(named["tau"][0, 0]))
    assert surrogate.outputs[0, 2] == pytest.approx(np.tanh(np.tanh(trace)), rel=2e-6)


def test_a_row_does_not_depend_on_batch_size():
    bins = trials(7, 600)
    together = run(engine(7), bins)
    assert len(together[2]) > 50
    for r in range(7):
        own = [(0 * e[0][e[0] == r], *(a[e[0] == r] for a in e[1:])) for e in bins]
        outputs, voltages, spikes = run(engine(1), own)
        assert outputs.tobytes() == together[0][:, r : r + 1].tobytes()
        assert voltages.tobytes() == together[1][:, r : r + 1].tobytes()
        assert spikes == [(0, t) for row, t in together[2] if row == r]


def test_a_row_does_not_depend_on_its_position():
    bins = trials(7, 600)
    straight = run(engine(7), bins)
    order = np.random.default_rng(2).permutation(7).astype(np.int32)
    moved = run(engine(7), [(order[row], *rest) for row, *rest in bins])
    assert moved[0][:, order].tobytes() == straight[0].tobytes()
    assert moved[1][:, order].tobytes() == straight[1].tobytes()
    assert moved[2] == sorted((order[row], t) for row, t in straight[2])


def test_a_row_does_not_depend_on_its_neighbours():
    bins = trials(5, 600)
    straight = run(engine(5), bins)
    louder = [
        (row, channel, np.where(row == 2, weight, 3 * weight), t)
        for row, channel, weight, t in bins
    ]
    assert run(engine(5), louder)[0][:, 2].tobytes() == straight[0][:, 2].tobytes()


def test_a_row_does_not_depend_on_the_order_of_events():
    bins = trials(3, 600, per_bin=8)
    rng = np.random.default_rng(3)
    shuffled = []
    for events in bins:
        order = rng.permutation(len(events[0]))
        shuffled.append(tuple(array[order] for array in events))
    straight, mixed = run(engine(3), bins), run(engine(3), shuffled)
    assert straight[0].tobytes() == mixed[0].tobytes()
    assert straight[1].tobytes() == mixed[1].tobytes()
    assert straight[2] == mixed[2]


ONES = {"G": 1, "K": 1, "W": 1, "N": 1, "U": 1, "H": 1, "L": 1, "M": 1}


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
def test_odd_sizes_equal_torch(sizes):
    named = random_network.tensors(C=2, **{**ONES, **sizes})
    bins = trials(2, 200, C=2)
    expected = reference_outputs(named, reference_traces(named, 2, bins))
    found = run(engine(2, named), bins)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_reset_starts_the_same_trial_again():
    surrogate, bins = engine(3), trials(3, 600)
    first = run(surrogate, bins)
    surrogate.reset()
    again = run(surrogate, bins)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[2] == again[2]


def test_resize_resets_every_row():
    surrogate, bins = engine(3), trials(3, 50)
    first = run(surrogate, bins)
    surrogate.resize(1)
    assert surrogate.rows == 1
    surrogate.resize(3)
    assert run(surrogate, bins)[0].tobytes() == first[0].tobytes()


def test_a_silent_cell_stays_at_full_speed():
    surrogate, bins = engine(20), trials(20, 50)
    run(surrogate, bins)
    late = 10_000
    durations = []
    for t0 in range(50, late):  # denormal traces would be 10 to 100 times slower
        start = time.perf_counter()
        surrogate.step(float(t0), *NONE)
        durations.append(time.perf_counter() - start)
    assert np.median(durations[-500:]) < 3 * np.median(durations[:500])


def test_step_lets_other_threads_run():
    surrogate = engine(15_000, random_network.tensors(H=128, P=64))
    entered, left, ticks = threading.Event(), threading.Event(), []

    def tick():
        entered.wait()
        while not left.is_set():
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    entered.set()
    start = time.perf_counter()
    surrogate.step(0.0, *NONE)
    end = time.perf_counter()
    left.set()
    thread.join()
    assert end - start > 0.01
    third = (end - start) / 3
    assert any(start + third < tick < end - third for tick in ticks)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (event(row=-1), r"event's row in 0 \.\. 1, got -1"),
        (event(row=2), r"event's row in 0 \.\. 1, got 2"),
        (event(channel=-1), r"event's channel in 0 \.\. 2, got -1"),
        (event(channel=3), r"event's channel in 0 \.\. 2, got 3"),
        (event(weight=np.nan), r"finite weight \(uS\), got nan in row 0, channel 0"),
        (event(weight=np.inf), r"finite weight \(uS\), got inf"),
        (event(weight=1e39), r"finite weight \(uS\), got 1e\+39"),
        (event(t=np.nan), "finite event time .* got nan"),
        (event(t=-np.inf), "finite event time .* got -inf"),
        (event(t=1.5), r"up to the bin's end, t = 1 ms, got 1\.5"),
    ],
)
def test_a_bad_event_is_refused_by_its_value(events, message):
    with pytest.raises(_engine.InputError, match=message):
        engine(2).step(0.0, *events)


def test_a_refused_event_leaves_the_state_as_it_was():
    bins = trials(2, 20)
    surrogate, untouched = engine(2), engine(2)
    run(surrogate, bins), run(untouched, bins)
    with pytest.raises(ValueError, match="channel"):
        surrogate.step(20.0, *event(channel=9, t=20.5))
    surrogate.step(20.0, *NONE)
    untouched.step(20.0, *NONE)
    assert surrogate.outputs.tobytes() == untouched.outputs.tobytes()


def test_bin_start_must_be_finite():
    with pytest.raises(
        _engine.InputError, match=r"finite bin start t0 \(ms\), got nan"
    ):
        engine().step(np.nan, *NONE)


def test_events_of_another_type_are_refused():
    row, channel, weight, t = event()
    with pytest.raises(
        ValueError, match=r"'row' to be a C-ordered array of int32, got"
    ):
        engine().step(0.0, row.astype(np.int64), channel, weight, t)
    with pytest.raises(ValueError, match=r"'weight' .* float64, got <class 'list'>"):
        engine().step(0.0, row, channel, [0.1], t)


def test_events_of_unequal_lengths_are_refused():
    row, channel, _, t = event()
    with pytest.raises(ValueError, match=r"of one shape \[N\], got \[2\] beside \[1\]"):
        engine().step(0.0, row, channel, np.zeros(2), t)


def test_an_output_that_is_not_finite_names_row_bin_and_inputs():
    surrogate = engine(3)
    silent = event(channel=1, weight=1e38, t=7.5, row=1)
    doubled = tuple(np.repeat(array, 2) for array in silent)
    message = r"row 1, bin at t = 7 ms, after 2 events.*reset the engine"
    with pytest.raises(_engine.NonFiniteError, match=message):
        surrogate.step(7.0, *doubled)
    surrogate.reset()
    surrogate.step(8.0, *NONE)
    assert np.isfinite(surrogate.outputs).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("branch_b", None, "expected a tensor 'branch_b', got none"),
        ("branch_b", np.zeros((3, 5)), "'branch_b' .*float32, got float64"),
        ("branch_b", np.zeros((3, 4), np.float32), r"shape \[3, 5\], got \[3, 4\]"),
        ("mix_b", None, "expected a tensor 'mix_b', got none"),
        ("lstm1_wx", np.zeros((16, 96), np.float32), r"\[24, 96\], got \[16, 96\]"),
        ("tau", np.zeros((6, 4), np.float32), r"tau > 0 ms, got 0"),
        ("tau", np.ones((7, 4), np.float32), "got 7 groups in 3 branches"),
        ("tau", np.zeros(3, np.float32), r"'tau' with 2 axes, none empty, got \[3\]"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(name, value, message):
    named = random_network.tensors()
    named[name] = value
    if value is None:
        del named[name]
    with pytest.raises(_engine.InputError, match=message):
        engine(1, named)


def test_readout_must_be_complete():
    readout = {name: value for name, value in READOUT.items() if name != "clip_mV"}
    with pytest.raises(_engine.InputError, match="a number 'clip_mV' in readout"):
        _engine.Engine(random_network.tensors(), readout)


def test_cuda_is_refused_by_name_until_it_has_kernels():
    with pytest.raises(
        _engine.InputError, match="'cuda' has no kernels in this version"
    ):
        _engine.Engine(random_network.tensors(), READOUT, "cuda")


def test_unknown_backend_is_refused():
    with pytest.raises(_engine.InputError, match="'cpu' or 'cuda', got 'tpu'"):
        _engine.Engine(random_network.tensors(), READOUT, backend="tpu")


def test_rows_must_not_be_negative():
    with pytest.raises(_engine.InputError, match="rows >= 0, got -1"):
        engine(-1)


def test_no_rows_is_a_population_too():
    v, row, t = engine(0).step(0.0, *NONE)
    assert v.shape == row.shape == t.shape == (0,)


def test_a_bundle_may_have_no_template():
    surrogate = engine(2, random_network.tensors(A=0))
    _, voltages, spikes = run(surrogate, trials(2, 600))
    assert len(spikes) > 10
    assert voltages.max() <= -55


def test_cuda_devices_are_asked_for_without_an_error():
    assert _engine.cuda_available() == bool(_engine.cuda_devices())
    assert _engine.cuda_built or not _engine.cuda_available()


def test_population_is_a_named_capsule():
    assert 'capsule object "ann_backend.population"' in repr(engine().population)
