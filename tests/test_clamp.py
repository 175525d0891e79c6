"""What the cell does under a space clamp, and the conductances fitted to it."""

import numpy as np
import pytest
import small_cells

torch = pytest.importorskip("torch")

from ann_backend.train import build, clamp, measure  # noqa: E402
from ann_backend.train.intrinsic import Intrinsic, intrinsic  # noqa: E402
from ann_backend.train.resolve import resolve  # noqa: E402

V = np.array(clamp.HELD_MV)[:, None, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def stick():
    """Leak and currents of a soma with hh and passive dendrites."""
    found = build.apart(measure.measure, resolve(small_cells.STICK))
    return found.leak_nS, found.currents


def test_a_passive_branch_draws_its_leak(stick):
    leak, (held, back) = stick
    wanted = np.broadcast_to(leak * (V + 65.0), held.shape)  # e_pas
    np.testing.assert_allclose(held[..., 1:], wanted[..., 1:], rtol=1e-3, atol=1e-2)
    assert np.abs(back[..., 1:]).max() < 1e-2


def test_a_soma_with_hh_rectifies_once_its_sodium_is_inactivated(stick):
    late = stick[1].held[:, -1, 0]
    slope = np.diff(late) / np.diff(clamp.HELD_MV)
    assert slope[-1] > 20 * slope[0] > 0


def drawn(x, v, begin, times):
    """Currents (V, T, N) and the gates at the end (V, N, K)."""
    wanted = sigmoid(x.slope * (v - x.half))
    gone = np.exp(-np.array(times)[:, None, None] / x.tau)
    gate = wanted[:, None] + (begin - wanted)[:, None] * gone
    on = np.where(x.slope_m == 0, 1.0, sigmoid(x.slope_m * (v - x.half_m)))[:, None]
    active = (gate * on * x.nS * (v - x.reversal)[:, None]).sum(-1)
    leaking = x.leak_nS * (v[..., 0] + 75.0) + x.constant_pA
    return leaking[:, None] + active, gate[:, -1]


def both(x):
    begin = sigmoid(x.slope * (-75.0 - x.half))[None]
    held, gate = drawn(x, V, begin, clamp.HELD_MS)
    back, _ = drawn(x, np.full((1, 1, 1), clamp.BACK_MV), gate, clamp.BACK_MS)
    return clamp.Currents(held, back)


def test_currents_of_known_conductances_are_found_again():
    leak, none = np.array([0.5, 0.2]), np.zeros((2, 1))
    ih = Intrinsic(
        slope=none - 0.1,
        half=np.array([[-95.0], [-85.0]]),
        tau=none + 40.0,
        slope_m=none,
        half_m=none,
        reversal=none - 45.0,
        nS=np.array([[3.0], [1.0]]),
        leak_nS=leak,
        constant_pA=np.array([5.0, -2.0]),
    )
    wanted = both(ih)
    found = both(intrinsic(wanted, leak, -75.0))
    for got, true in zip(found, wanted, strict=True):
        error = np.abs(got - true) / (np.abs(true) + 10 * leak)
        assert error.max() < 0.15


def test_where_there_are_spikes_a_share_of_what_is_inward_is_left(stick):
    leak, currents = stick
    found = intrinsic(currents, leak, -65.0)
    inward = found.reversal[0] == found.reversal.max()
    assert 0.1 < found.nS[0, inward].item() / leak[0] < 10
