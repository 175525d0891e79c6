"""How good a bundle is: free running through the compiled engine, beside the floor.

Last in the training line; the only stage that crosses to the runtime. `measure` is
the one function that says it, for a manifest and for the command `validate`. The
floor is the teacher against itself at half its step, on the same events: no surrogate
can be told from the teacher beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend import metrics
from ann_backend.bundle import Bundle
from ann_backend.errors import CellError
from ann_backend.run.catalogue import check
from ann_backend.train.breakdown import breakdown, failures
from ann_backend.train.cell import CellDescription
from ann_backend.train.details import details
from ann_backend.train.drift import drift
from ann_backend.train.evidence import Drawn, Evidence
from ann_backend.train.free_run import free_run
from ann_backend.train.network import NetworkRun, compare
from ann_backend.train.stock import Steps, fingerprint
from ann_backend.train.tally import (
    USUAL_HZ,
    Response,
    Tally,
    intervals,
    scores,
    tally,
    usual,
)
from ann_backend.train.waveform import around_spikes, waveform

__all__ = ["fit_together", "measure", "summary"]

FIRST_MS = 300  # the networks of Olah et al. 2022 run this long in all
SURE = 0.95  # F1@1 ms of the teacher with itself at half its step, in one trial
BARS = (3, 5, 8)  # per cent; a trial's rate is right within that, or 0.1 Hz


def fit_together(bundle: Bundle, cell: CellDescription) -> None:
    """Refuse a bundle that was trained on another cell, before anything is simulated.

    Parameters
    ----------
    bundle : Bundle
    cell : CellDescription
        Resolved; it is built in a process of its own.

    Raises
    ------
    CellError
        Saying what differs: channels, geometry, mechanisms, parameters, start.
    """
    manifest = bundle.manifest
    mine = [c.name for c in cell.channels]
    theirs = [c.name for c in manifest.channels]
    if mine != theirs:
        odd = sorted(set(mine) ^ set(theirs)) or ["their order"]
        raise CellError(
            f"{cell.name}: bundle '{manifest.name}' has {len(theirs)} channels, the "
            f"cell {len(mine)}; they differ in {', '.join(odd[:6])}; give the cell "
            "that the bundle was trained on"
        )
    for key, value in (("v_init_mV", cell.v_init_mV), ("celsius", cell.celsius)):
        if manifest.cell[key] != value:
            raise CellError(
                f"{cell.name}: bundle '{manifest.name}' was trained at {key} = "
                f"{manifest.cell[key]}, the cell has {value}; give the cell that the "
                "bundle was trained on"
            )
    check(bundle, fingerprint(cell), cell.name)


def measure(
    bundle: Bundle, evidence: Evidence, *, draws: int = 1000, quiet: bool = False
) -> dict[str, Any]:
    """Measure a bundle: every metric beside the floor.

    Parameters
    ----------
    bundle : Bundle
    evidence : Evidence
        Unseen trials, from `evidence.gather`.
    draws : int
        Bootstrap draws, over trials, for the 95 % confidence intervals.
    quiet : bool
        No progress bar.

    Returns
    -------
    dict
        JSON-ready: `tally.KEYS`, ``floor`` (the same keys), ``drift`` (the same keys
        by second), ``stock_neuron``, ``first_300ms``, ``action_potential``,
        ``current_steps``, ``network``, ``breakdown``, ``at_usual_rates``,
        ``told_the_teachers_spikes`` (None where none are heard); and ``details``,
        which `summary` leaves out.
    """
    check(bundle, evidence.test.fingerprint, evidence.test.cell.name)
    clip = bundle.manifest.readout.clip_mV
    true, half = Response.of_teacher(evidence.test), evidence.half
    events = Drawn(evidence.test.trials)
    found = free_run(bundle.engine, events, true.v.shape[1], quiet=quiet)
    sums, floor = (tally(r, true, clip_mV=clip) for r in (found, half))
    rate = sums.true * 1e3 / sums.bins
    spike, course = waveform(bundle, evidence.ap)
    bins = breakdown(sums, floor, {"output_rate_Hz": rate, **evidence.properties})
    return _plain(
        {
            "seed": evidence.seed,
            "trials": len(rate),
            "seconds_per_trial": true.v.shape[1] / 1e3,
            "spikes": int(sums.true.sum()),
            "rate_Hz": [rate.min(), rate.max()],
            "teacher": evidence.teacher,
            **_against(found, true, sums, draws),
            "floor": _against(half, true, floor, draws),
            "stock_neuron": _against_stock(found, true, evidence.stock, clip, draws),
            "first_300ms": _first(found, true, half, clip),
            "at_usual_rates": _at_usual_rates(sums, floor),
            "where_the_teacher_is_sure": _where_sure(sums, floor),
            "told_the_teachers_spikes": _told(bundle, evidence, true, quiet=quiet),
            "drift": drift(bundle, evidence.long, draws, quiet=quiet),
            "action_potential": spike,
            "current_steps": _current_steps(bundle, evidence.steps),
            "network": _network(bundle, evidence.network),
            "breakdown": bins,
            "breaks_down_at": failures(bins),
            "details": {
                **details(found, true, half, sums, floor, evidence.properties),
                "action_potential": course,
            },
        }
    )


def summary(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest carries: all but the details, which only figures need."""
    return {key: value for key, value in measured.items() if key != "details"}


def _against(
    found: Response, true: Response, sums: Tally, draws: int
) -> dict[str, Any]:
    """Every pooled metric of one response against another, with intervals."""
    seconds = sums.bins / 1e3
    off, rate = np.abs(sums.found - sums.true) / seconds, sums.true / seconds
    spiking = np.eye(len(rate))[sums.true + sums.found > 0]
    each = [scores(sums, k)["f1_1ms"] for k in spiking]
    return {
        **scores(sums),
        "f1_1ms_median_trial": float(np.median(each)) if each else float("nan"),
        "rate_trials_within": {
            f"{bar} %": float(np.mean(off <= np.maximum(bar / 100 * rate, 0.1) + 1e-9))
            for bar in BARS
        },
        "vm_rmse_near_spikes_mV": around_spikes(found, true),
        "isi_ks": metrics.isi_ks(found.spikes, true.spikes),
        "burst_fraction": metrics.burst_fraction(found.spikes),
        "burst_fraction_teacher": metrics.burst_fraction(true.spikes),
        "confidence_95": intervals(sums, draws=draws),
    }


def _against_stock(
    found: Response, true: Response, stock: Response | str, clip: float, draws: int
) -> dict[str, Any] | str:
    """The surrogate, and beside it the teacher, against what users run."""
    if isinstance(stock, str):
        return stock
    trials, ms = stock.v.shape
    mine, teachers = (r.cut(0, ms).first(trials) for r in (found, true))
    both = [tally(r, stock, clip_mV=clip) for r in (mine, teachers)]
    return {
        "trials": trials,
        "seconds_per_trial": ms / 1e3,
        "spikes": int(both[0].true.sum()),
        **_against(mine, stock, both[0], draws),
        "floor": _against(teachers, stock, both[1], draws),
    }


def _first(
    found: Response, true: Response, half: Response, clip: float
) -> dict[str, Any]:
    """The scores of the first 300 ms on their own."""
    mine, start, again = (r.cut(0, FIRST_MS) for r in (found, true, half))
    sums, floor = (tally(r, start, clip_mV=clip) for r in (mine, again))
    return {
        "spikes": int(sums.true.sum()),
        **scores(sums),
        "floor": scores(floor),
    }


def _at_usual_rates(sums: Tally, floor: Tally) -> dict[str, Any]:
    """The scores over the trials whose output rate a cortical cell has.

    One trial of a plateau at 50 Hz has more spikes than twenty others, and all the
    pooled numbers are about it.
    """
    return {"range_Hz": list(USUAL_HZ), **_among(usual(sums), sums, floor)}


def _where_sure(sums: Tally, floor: Tally) -> dict[str, Any]:
    """The scores over the trials in which half the step changes few spikes.

    At the border of depolarisation block the teacher's own spikes depend on its step;
    a surrogate's errors there say little about the surrogate.
    """
    each = [scores(floor, k)["f1_1ms"] for k in np.eye(len(floor.true))]
    return _among(np.array(each) >= SURE, sums, floor)


def _told(
    bundle: Bundle, evidence: Evidence, true: Response, *, quiet: bool
) -> dict[str, Any] | None:
    """The scores of a surrogate whose network hears the teacher's spikes.

    In place of its own, 1 ms late like these; threshold and refractory time still
    follow its own. What this gains over running freely is at most what its own
    spikes, heard, cost it. None for a network that hears no spikes.
    """
    if not bundle.manifest.sizes.feedback:
        return None
    events = Drawn(evidence.test.trials, told=True)
    make = partial(bundle.engine, feedback=False)
    found = free_run(make, events, true.v.shape[1], quiet=quiet)
    sums = tally(found, true, clip_mV=bundle.manifest.readout.clip_mV)
    some = usual(sums)
    part = scores(sums, some) if some.any() else {}
    part = {"trials": int(some.sum()), **part}
    return {**scores(sums), "at_usual_rates": part}


def _among(some: NDArray[np.bool_], sums: Tally, floor: Tally) -> dict[str, Any]:
    """The scores over some of the trials."""
    if not some.any():
        return {"trials": 0}
    return {
        "trials": int(some.sum()),
        "spikes": int(sums.true[some].sum()),
        **scores(sums, some),
        "floor": scores(floor, some),
    }


def _current_steps(bundle: Bundle, steps: Steps | None) -> dict[str, Any] | str:
    """The f-I curve of the surrogate beside stock NEURON's."""
    if steps is None:
        return "not applicable: the bundle has no current channel"
    bins = steps.response.v.shape[1]
    mine = steps.rates(free_run(bundle.engine, steps.events, bins, quiet=True))
    true = steps.rates(steps.response)
    return {
        "amplitude_nA": steps.amplitude_nA.tolist(),
        "rate_Hz": mine.tolist(),
        "rate_Hz_neuron": true.tolist(),
        "within_10_percent": float(np.mean(np.abs(mine - true) <= 0.1 * true + 1e-9)),
    }


def _network(bundle: Bundle, run: NetworkRun | None) -> dict[str, Any] | None:
    return None if run is None else compare(bundle, run)


def _plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Round to 5 digits after the point, without NaN: JSON has none."""
    return {key: _rounded(value) for key, value in numbers.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 5) if math.isfinite(value) else None
    return value
