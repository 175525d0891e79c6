"""What the engine refuses, and what it says."""

import numpy as np
import pytest
import random_network
from random_network import NONE, READOUT, TREE, engine, event
from reference import run, trials

from ann_backend import _engine


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


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ((-1, 0), "a parent for each of 6 branches, or none, got 2"),
        ((1, 0, 1, 1, 0, 4), "the parent of branch 0 to be -1, got 1"),
        ((-1, 0, 1, 3, 0, 4), r"the parent of branch 3 to be in 0 \.\. 2, got 3"),
        ((), "expected parents beside tensor 'gate', got none"),
    ],
)
def test_parents_that_are_no_tree_are_refused(parents, message):
    with pytest.raises(_engine.InputError, match=message):
        engine(1, random_network.tensors(parents=TREE), parents=parents)


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("gate", (2, 0, 0), 0, r"0 < gate\[2\] <= 1, got 0"),
        ("gate", (2, 0, 0), np.nan, r"0 < gate\[2\] <= 1, got nan"),
        ("cable", (0, 1), -1, r"cable\[0\] >= 0, got -1"),
        ("cable", (1, 1), 0, r"cable\[1\] > 0, got 0"),
        ("cable", (2, 1), -1, r"cable\[2\] >= 0, got -1"),
        ("cable", (2, 0), 1, r"cable\[2\] = 0 of the root, got 1"),
    ],
)
def test_a_cable_that_has_no_solution_is_refused(name, index, value, message):
    named = random_network.tensors(parents=TREE)
    named[name][index] = value
    with pytest.raises(_engine.InputError, match=message):
        engine(1, named, parents=TREE)


def test_a_tree_s_tensors_must_be_complete():
    named = random_network.tensors(parents=TREE)
    del named["reversal"]
    with pytest.raises(_engine.InputError, match="a tensor 'reversal', got none"):
        engine(1, named, parents=TREE)


def test_readout_must_be_complete():
    readout = {name: value for name, value in READOUT.items() if name != "clip_mV"}
    with pytest.raises(_engine.InputError, match="a number 'clip_mV' in readout"):
        _engine.Engine(random_network.tensors(), readout)


@pytest.mark.skipif(not _engine.cuda_refusal(), reason="there is a GPU")
def test_cuda_is_refused_by_name_where_it_cannot_run():
    with pytest.raises(_engine.DeviceError, match=r"backend 'cuda': .*'cpu'"):
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


def test_threads_must_be_positive():
    with pytest.raises(_engine.InputError, match="threads >= 1, got 0"):
        engine(1, threads=0)


def test_unknown_variant_is_refused():
    with pytest.raises(_engine.InputError, match=r"\(.*'scalar'\), got 'mmx'"):
        engine(1, variant="mmx")
