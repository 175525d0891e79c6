"""What an engine remembers between two bins goes to another one, in any variant."""

import numpy as np
import pytest
import random_network
from random_network import NO_TREE, TREE, VARIANTS, networks, on_gpus
from reference import run, trials

from ann_backend import _engine

variants = pytest.mark.parametrize(
    "variant", [*VARIANTS, "bf16-host", *on_gpus("bf16")]
)
ROWS, CUT, BINS = 7, 40, 90


def engine(variant="", parents=TREE, rows=ROWS, feedback=True, delay=3.3):
    """Rows that hear their own spikes and, over some bins, each other's."""
    named = random_network.tensors(C=4, parents=parents)
    made = random_network.engine(
        rows, named, variant=variant, parents=parents, feedback=feedback
    )
    if delay:
        source = np.arange(rows, dtype=np.int32)
        target, channel = source[::-1].copy(), np.zeros(rows, np.int32)
        weight = np.full(rows, 0.02, np.float32)
        delays = np.linspace(0, delay, rows, dtype=np.float32)
        made.connect(source, made, target, channel, weight, delays)
    return made


def bins():
    return trials(ROWS, BINS)


def going_on(surrogate):
    """From bin CUT on."""
    shown = []
    for t0, events in enumerate(bins()[CUT:], CUT):
        v, row, t = surrogate.step(float(t0), *events)
        shown.append((surrogate.outputs, v, row, t))
    return shown


def halfway(variant, parents=TREE):
    first = engine(variant, parents)
    assert len(run(first, bins()[:CUT])[2]) > 20
    return first


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


@variants
@networks
def test_a_run_split_in_two_is_the_whole_to_the_last_bit(variant, parents):
    first = halfway(variant, parents)
    second = engine(variant, parents)
    second.step(0.0, *bins()[0])  # what it remembers itself is gone
    second.load(first.save())
    assert_same(going_on(second), going_on(first))


@variants
@networks
def test_one_variant_goes_on_from_another_s_state(variant, parents):
    first, second = halfway("scalar", parents), engine(variant, parents)
    second.load(first.save())
    bf16 = variant == "bf16-host"
    tolerance = 0.2 if bf16 else 2e-4  # as between variants, of outputs of up to 20
    t0, events = float(CUT), bins()[CUT]
    first.step(t0, *events)
    second.step(t0, *events)
    np.testing.assert_allclose(second.outputs, first.outputs, atol=tolerance * 20)


def test_another_connectivity_is_the_loading_engine_s_own():
    first, second = halfway("scalar"), engine("scalar", delay=0)
    second.load(first.save())
    assert len(first.save()["due_t"]) > 0
    np.testing.assert_array_equal(second.save()["due_t"], first.save()["due_t"])
    assert second.connections == 0


def plastic():
    """Rows with plastic connections, and events that are played."""
    made = engine(parents=NO_TREE, delay=0)
    source = np.arange(ROWS, dtype=np.int32)
    weight, delay = np.full((2, ROWS), [[0.02], [3.3]], np.float32)
    made.connect(
        source, made, source[::-1].copy(), 0 * source, weight, delay, U=0.5, tau_rec=200
    )
    t = np.linspace(0, BINS - 1, 10 * ROWS)
    row = np.arange(10 * ROWS, dtype=np.int32) % ROWS
    made.play(row, 0 * row, np.full(len(t), 0.02), t)
    return made


def test_plastic_connections_and_played_events_go_on():
    first, second = plastic(), plastic()
    run(first, bins()[:CUT])
    second.load(first.save())
    assert first.save()["releases"].any()
    assert_same(going_on(second), going_on(first))
    with pytest.raises(_engine.InputError, match="array 'releases' does not fit"):
        engine(parents=NO_TREE, delay=0).load(first.save())


@pytest.mark.parametrize("delay", [0, 3.3])
def test_what_is_played_in_the_middle_of_a_run_comes_where_it_lies_ahead(delay):
    late, told = (engine(parents=NO_TREE, delay=delay) for _ in range(2))
    silence = [np.empty(0, np.int32)] * 2 + [np.empty(0)] * 2
    for t0 in range(10):
        late.step(float(t0), *silence)
        told.step(float(t0), *silence)
    row = np.zeros(2, np.int32)
    late.play(row, row, np.full(2, 0.05), np.array([12.5, 5.0]))
    event = [row[:1], row[:1], np.full(1, 0.05), np.array([12.5])]
    for t0 in range(10, 20):
        found = late.step(float(t0), *silence)
        wanted = told.step(float(t0), *(event if t0 == 12 else silence))
        np.testing.assert_array_equal(found[0], wanted[0])


def test_a_reset_forgets_plasticity_and_plays_again():
    surrogate = plastic()
    first = run(surrogate, bins()[:CUT])
    surrogate.reset()
    assert not surrogate.save()["releases"].any()
    for a, b in zip(run(surrogate, bins()[:CUT]), first, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("traces", lambda a: a[:-1]),
        ("hazard", lambda a: np.append(a, a)),
        ("heard_row", lambda a: a + ROWS),
        ("due_row", lambda a: a - ROWS),
        ("due_channel", lambda a: a + 9),
        ("due_t", lambda a: a[1:]),
    ],
)
def test_a_state_that_it_cannot_have_is_refused_and_changes_nothing(name, change):
    surrogate = halfway("scalar")
    while not len(surrogate.save()["heard_row"]):
        surrogate.step(float(CUT), *random_network.event(weight=0.04))
    before = surrogate.save()
    with pytest.raises(
        _engine.InputError, match=f"array '{name}' does not fit|due_ahead"
    ):
        surrogate.load(before | {name: change(before[name])})
    for key, array in surrogate.save().items():
        np.testing.assert_array_equal(array, before[key])


def test_a_missing_array_and_one_of_another_type_are_refused():
    surrogate = engine("scalar")
    state = surrogate.save()
    with pytest.raises(_engine.InputError, match="expected an array 'lstm', got none"):
        surrogate.load({k: v for k, v in state.items() if k != "lstm"})
    with pytest.raises(_engine.InputError, match=r"'v' to be .* float32, got float64"):
        surrogate.load(state | {"v": state["v"].astype(float)})
