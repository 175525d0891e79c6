"""Every variant of the CPU's kernel against the scalar reference."""

import numpy as np
import pytest
import random_network
from random_network import NO_TREE, NONE, engine, networks
from reference import run, trials

from ann_backend import _engine

FAST = [name for name in _engine.cpu_variants if name != "scalar"]
pytestmark = pytest.mark.skipif(not FAST, reason="this machine has the reference only")
fast = pytest.mark.parametrize("variant", FAST)


def assert_equal(
    variant, named, bins, rows, tolerance=2e-5, parents=NO_TREE, **options
):
    """Outputs of the variant, relative to the reference's spread."""
    wanted = run(engine(rows, named, variant="scalar", parents=parents), bins)[0]
    found = run(engine(rows, named, variant=variant, parents=parents, **options), bins)
    found = found[0]
    scale = np.maximum(np.abs(wanted), wanted.std(axis=(0, 1)) + 0.1)
    assert (np.abs(found - wanted) / scale).max() <= tolerance
    return wanted


@fast
@pytest.mark.parametrize(
    "sizes",
    [
        {"G": 1, "K": 1, "W": 1, "N": 1, "U": 1, "P": 0, "H": 1, "L": 1, "M": 1},
        {"G": 3, "K": 1, "W": 2, "N": 3, "U": 1, "P": 1, "H": 2, "L": 1, "M": 2},
        {"G": 9, "K": 3, "W": 5, "N": 3, "U": 7, "P": 0, "H": 9, "L": 3, "M": 5},
        {"G": 14, "K": 5, "W": 1, "N": 7, "U": 4, "P": 17, "H": 31, "L": 2, "M": 33},
        {"G": 160, "K": 4, "W": 1, "N": 80, "U": 4, "P": 48, "H": 64, "L": 2, "M": 32},
        {"G": 4, "K": 4, "W": 2, "N": 1, "U": 32, "P": 0, "H": 65, "L": 1, "M": 15},
        {"G": 8, "K": 2, "W": 1, "N": 2, "U": 3, "P": 70, "H": 128, "L": 2, "M": 64},
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 3, 11])
def test_sizes_beside_the_tiles(variant, sizes, rows):
    named = random_network.tensors(C=4, **sizes)
    assert_equal(variant, named, trials(rows, 100, C=4, per_bin=3), rows, 1e-4)


@fast
@pytest.mark.parametrize(
    ("parents", "sizes"),
    [
        ([-1], {"G": 1, "U": 1, "P": 0}),
        ([-1, 0, 0], {"G": 3, "U": 5, "P": 3}),
        ([-1, 0, 1, 0, 3, 3, 3], {"G": 14, "U": 9, "P": 0, "W": 2}),
        ([-1, *range(80)], {"G": 162, "U": 6, "P": 48, "W": 1}),  # a chain
        ([-1] + [0] * 80, {"G": 162, "U": 4, "P": 48, "W": 1}),  # a star
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 3, 11])
def test_trees_beside_the_tiles(variant, parents, sizes, rows):
    named = random_network.tensors(C=4, parents=parents, **sizes)
    bins = trials(rows, 100, C=4, per_bin=3)
    assert_equal(variant, named, bins, rows, 1e-4, parents)


@fast
@networks
@pytest.mark.parametrize("rows", [1, 50, 5000])
def test_batches(variant, rows, parents):
    bins = trials(rows, 20)
    assert_equal(variant, None, bins, rows, parents=parents)
    assert_equal(variant, None, bins, rows, parents=parents, threads=2)


@fast
def test_no_events_at_all(variant):
    assert_equal(variant, None, [NONE] * 200, 3)


@fast
def test_an_empty_batch(variant):
    assert run(engine(0, variant=variant), [NONE] * 3)[0].shape == (3, 0, 3)


@fast
@pytest.mark.parametrize("kernels", [1, 4, 6])
def test_a_channel_may_reach_groups_of_several_clocks(variant, kernels):
    named = random_network.tensors(K=kernels)
    named["tau"][1] = named["tau"][0]  # one clock for two groups
    named["embedding"][:] = np.arange(1, 7)
    named["embedding"][2] = 0  # a channel that reaches nothing
    assert_equal(variant, named, trials(2, 300, per_bin=6), 2)


@fast
def test_denormal_weights_and_events(variant):
    named = random_network.tensors()
    for name in ("branch_w", "mix_w", "lstm0_wx", "lstm1_wh", "head_w1"):
        named[name][..., 0] = 1e-41
    bins = [(r, c, np.where(c == 0, 1e-42, w), t) for r, c, w, t in trials(3, 300)]
    assert_equal(variant, named, bins, 3)


@fast
def test_very_different_time_constants(variant):
    named = random_network.tensors()
    named["tau"][:] = np.geomspace(1e-3, 1e5, 24, dtype=np.float32).reshape(6, 4)
    named["branch_w"] /= 20  # slow traces grow large
    assert_equal(variant, named, trials(2, 500), 2)


@fast
def test_saturated_gates(variant):
    named = random_network.tensors()
    for name in ("lstm0_wx", "lstm0_wh", "lstm1_bias"):
        named[name] *= 100
    found = run(engine(3, named, variant=variant), trials(3, 300))[0]
    assert np.isfinite(found).all()
    wanted = run(engine(3, named, variant="scalar"), trials(3, 300))[0]
    # gates at their limits flip with the last bit: most steps agree, all stay in range
    assert np.median(np.abs(found - wanted)) < 1e-3
