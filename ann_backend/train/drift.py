"""What becomes of a surrogate over long runs without a reset.

Beside `validate` in the training line.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ann_backend.bundle import Bundle
from ann_backend.train.dataset import Dataset
from ann_backend.train.events import Events
from ann_backend.train.evidence import Drawn
from ann_backend.train.free_run import free_run
from ann_backend.train.tally import KEYS, Response, Tally, intervals, scores, tally

__all__ = ["drift"]

SECOND_MS = 1000  # it is reported by blocks of this length
ENDS = 10  # seconds at either end of a long trial that are compared
WARM_MS = 2000  # before the last of these, where a surrogate begins anew


def drift(
    bundle: Bundle, data: Dataset | None, draws: int, *, quiet: bool
) -> dict[str, Any] | None:
    """Every score by second of long trials, and of both ends with intervals.

    What differs between the ends may be the input, and which trials fire by then: only
    what a surrogate that begins anew shortly before the last one does better is drift.

    Parameters
    ----------
    bundle : Bundle
    data : Dataset, optional
        Long trials; without them there is nothing to say.
    draws : int
        For the intervals.
    quiet : bool
        No progress bar.

    Returns
    -------
    dict or None
        ``trials``, ``seconds``, ``spikes`` and `tally.KEYS` by second; the keys of the
        first and the last ten seconds, and of the last with a surrogate begun anew.
    """
    if data is None:
        return None
    true, events = Response.of_teacher(data), Drawn(data.trials)
    clip, ms = bundle.manifest.readout.clip_mV, true.v.shape[1]
    found = free_run(bundle.engine, events, ms, quiet=quiet)
    end = max(0, ms - ENDS * SECOND_MS)
    begin = max(0, end - WARM_MS)
    late = [_since(begin, trial.redraw()) for trial in data.trials]
    anew = free_run(bundle.engine, late, ms - begin, quiet=quiet)

    def sums(start: int, stop: int) -> Tally:
        return tally(found.cut(start, stop), true.cut(start, stop), clip_mV=clip)

    blocks = [sums(k, k + SECOND_MS) for k in range(0, ms, SECOND_MS)]
    by_second = [scores(block) for block in blocks]
    again = anew.cut(end - begin, ms - begin)
    ends = {
        f"first_{ENDS}s": sums(0, ENDS * SECOND_MS),
        f"last_{ENDS}s": sums(end, ms),
        f"last_{ENDS}s_begun_anew": tally(again, true.cut(end, ms), clip_mV=clip),
    }
    return {
        "trials": len(data.trials),
        "seconds": ms // SECOND_MS,
        "spikes": [int(block.true.sum()) for block in blocks],
        **{key: [each[key] for each in by_second] for key in KEYS},
        **{
            name: {
                **{key: scores(end)[key] for key in KEYS},
                "confidence_95": intervals(end, draws=draws),
            }
            for name, end in ends.items()
        },
    }


def _since(start_ms: int, events: Events) -> Events:
    """What arrives from then on, times counted from there."""
    later = events.between(start_ms, np.inf)
    return dataclasses.replace(
        events,
        t=events.t[later] - start_ms,
        channel=events.channel[later],
        weight=events.weight[later],
    )
