"""The data curve: one network on more and more trials, measured on the same ones."""

import numpy as np
import pytest

pytest.importorskip("torch")

from ann_backend.errors import AnnBackendError
from ann_backend.train import curve
from ann_backend.train.cell import HH
from ann_backend.train.fit import Fit
from ann_backend.train.resolve import resolve
from ann_backend.train.shape import Shape
from ann_backend.train.tally import KEYS

SHAPE = Shape(tree=False, taps=2, units=6, mix=5, hidden=8, layers=2, head=5)
OPTIONS = Fit(shape=SHAPE, batch=4, rate=1e-2)


def drawn(folder, hours, **changes):
    asked = {"steps": 8, "seed": 3, "trial_s": (2, 1), "held_out": 3}
    asked |= {"options": OPTIONS, "quiet": True} | changes
    return curve.curve(resolve(HH), hours, folder=folder, **asked)


@pytest.mark.slow
def test_each_point_has_its_hours_and_as_many_steps(tmp_path, monkeypatch):
    trained = []
    fit = curve.fit

    def watched(data, validation, options, folder, **more):
        trained.append((len(data.trials), options.epochs, options.seed))
        return fit(data, validation, options, folder, **more)

    monkeypatch.setattr(curve, "fit", watched)
    points = drawn(tmp_path, [8 / 3600, 4 / 3600])
    # a second of training trials is two windows of 500 ms
    assert trained == [(4, 4, 3), (8, 2, 3)]
    assert [p["hours"] for p in points] == [4 / 3600, 8 / 3600]
    assert all(set(KEYS) <= p.keys() for p in points)
    assert points[0]["trials"] == points[1]["trials"] > 0
    assert drawn(tmp_path, [8 / 3600, 4 / 3600]) == points  # from what is there


def test_no_hours_and_no_steps_are_refused(tmp_path):
    for hours, changes in (([], {}), ([0.0], {}), ([1.0], {"steps": 0})):
        with pytest.raises(AnnBackendError, match="hours above 0 and 1 step or more"):
            drawn(tmp_path, hours, **changes)


@pytest.mark.slow
def test_held_out_trials_without_a_usual_rate_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(curve, "usual", lambda sums: np.zeros(len(sums.true), bool))
    with pytest.raises(AnnBackendError, match=r"of 0.1 to 20 Hz.*got none of 3"):
        drawn(tmp_path, [4 / 3600])


def power_law(hours):
    error = 0.4 * hours**-0.5
    return {"hours": hours, **dict.fromkeys(KEYS, 1.0 - error), "vm_rmse_mV": error}


def test_a_power_law_is_extrapolated():
    found = curve.extrapolated([power_law(h) for h in (0.5, 1.0, 2.0)])
    assert [p["hours"] for p in found] == [4.0, 8.0, 16.0, 32.0]
    for point in found:
        wanted = power_law(point["hours"])
        for key in set(KEYS) - {"rate_error"}:
            np.testing.assert_allclose(point[key], wanted[key], rtol=1e-9)
        assert "rate_error" not in point


@pytest.mark.parametrize("auc", [1.0, float("nan")])
def test_what_has_no_error_or_no_value_is_left_out(auc):
    points = [power_law(h) for h in (0.5, 1.0, 2.0)]
    points[1]["auc"] = auc
    found = curve.extrapolated(points)
    assert len(found) == 4
    assert "auc" not in found[0]
    assert "f1_2ms" in found[0]


def test_two_points_are_no_curve():
    assert curve.extrapolated([power_law(1.0), power_law(2.0)]) == []


def test_the_figure_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from ann_backend.fidelity_plots import draw_curve

    points = [power_law(h) for h in (0.5, 1.0, 2.0)]
    points[0]["auc"] = 1.0  # not extrapolated
    path = draw_curve(points, curve.extrapolated(points), tmp_path / "curve.png")
    assert path.stat().st_size > 10_000
