"""A network that hears its own spikes, 1 ms later."""

import numpy as np
import pytest
import random_network
from random_network import NONE, TREE, VARIANTS, event
from reference import trials

from ann_backend import _engine

variants = pytest.mark.parametrize("variant", VARIANTS)
ROWS, BINS = 3, 400


def engine(variant="", *, feedback=True):
    named = random_network.tensors(C=4, parents=TREE)
    return random_network.engine(
        ROWS, named, variant=variant, parents=TREE, feedback=feedback
    )


def with_spikes(bin_, row, t):
    """A bin's events, and spikes as events of channel 3 of weight 1."""
    given = (row, np.full(len(row), 3, np.int32), np.ones(len(row)), t)
    return [np.concatenate(pair) for pair in zip(bin_, given, strict=True)]


@variants
def test_it_is_as_if_the_spikes_were_sent_to_a_channel_1_ms_later(variant):
    hears, told = (engine(variant, feedback=f) for f in (True, False))
    row, t, count = np.zeros(0, np.int32), np.zeros(0), 0
    for n, bin_ in enumerate(trials(ROWS, BINS)):
        v_told = told.step(float(n), *with_spikes(bin_, row, t + 1.0))[0]
        v, row, t = hears.step(float(n), *bin_)
        count += len(row)
        np.testing.assert_array_equal(hears.outputs, told.outputs)
        np.testing.assert_array_equal(v, v_told)
    assert count > 20


def test_its_own_spikes_are_no_channel_of_the_caller_s():
    hears = engine()
    assert hears.channels == 3
    with pytest.raises(_engine.InputError, match=r"channel in 0 .. 2, got 3"):
        hears.step(0.0, *event(channel=3))


def until_it_fires(hears):
    """Events of a bin of the trials in which it fires, after the bins before."""
    for n, bin_ in enumerate(trials(ROWS, BINS)):
        if len(hears.step(float(n), *bin_)[1]):
            return n + 1
    raise AssertionError("no spike")


def test_a_reset_forgets_the_spikes_of_the_last_bin():
    hears, fresh = engine(), engine()
    until_it_fires(hears)
    hears.reset()
    hears.step(0.0, *NONE)
    fresh.step(0.0, *NONE)
    np.testing.assert_array_equal(hears.outputs, fresh.outputs)


def test_a_refused_bin_loses_no_spike():
    hears, calm = engine(), engine()
    n = until_it_fires(hears)
    assert until_it_fires(calm) == n
    with pytest.raises(_engine.InputError, match="channel"):
        hears.step(float(n), *event(channel=9))
    hears.step(float(n), *NONE)
    calm.step(float(n), *NONE)
    np.testing.assert_array_equal(hears.outputs, calm.outputs)
