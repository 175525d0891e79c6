"""What a fit minimises: which of a trial's voltages are its targets, and how far."""

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ann_backend.train.loss import losses, targets  # noqa: E402

CELL = types.SimpleNamespace(clip_mV=-55.0, v_init_mV=-75.0)


@pytest.fixture
def target():
    v = np.array([-75.0, -60.0, 20.0, -36.0])  # an action potential, then a plateau
    sites = np.array([[-70.0, -65.0, -10.0, -20.0]], np.float16)
    trial = types.SimpleNamespace(v=v, sites=sites, spikes=np.array([1.75]))
    return targets(CELL, [trial])


def test_the_output_is_clipped_and_the_soma_keeps_its_plateau(target):
    assert target["v"][:, 0].tolist() == [0.0, 3.0, 4.0, 4.0]  # in 5 mV
    assert target["clipped"][:, 0].tolist() == [0, 0, 1, 1]
    soma, site = target["sites"][:, 0].T  # in 10 mV
    assert soma.tolist() == pytest.approx([0.0, 1.5, 4.5, 3.9])
    assert site.tolist() == pytest.approx([0.5, 1.0, 6.5, 5.5])


def test_only_what_the_readout_clips_may_lie_above_the_target(target):
    y = torch.zeros(4, 1, 5)
    y[..., 2], y[..., 3:] = target["v"], target["sites"]
    _, _, v, sites = losses(y, target)
    assert v == 0
    assert sites == 0
    y[3, 0, 2] += 1.0
    assert losses(y, target)[2] == 0
    y[1, 0, 2] += 1.0
    assert losses(y, target)[2] > 0
    y[3, 0, 3] += 1.0  # the plateau itself is not clipped
    assert losses(y, target)[3] > 0


def test_a_voltage_that_is_far_off_counts_by_its_size(target):
    def error(size):
        y = torch.zeros(4, 1, 5)
        y[..., 2], y[..., 3:] = target["v"], target["sites"]
        y[0, 0, 2] -= size  # of 4 bins
        y[0, 0, 3] -= size  # of 4 bins, 2 places
        return losses(y, target)[2:]

    assert error(2.0).tolist() == pytest.approx([1.995 / 4, 1.995 / 8])
    square = 0.005**2 / 2 / 0.01
    assert error(0.005).tolist() == pytest.approx([square / 4, square / 8], rel=1e-3)
