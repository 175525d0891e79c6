"""Moves a trial's drive so that the cell comes to its target output rate.

Beside the teacher in the training line. No pilot: the drive starts low and rises until
the cell fires as it should, then follows the rate with a gain that falls, so that the
later part of a trial is nearly stationary. Every stretch is training data.
"""

from __future__ import annotations

import math

from ann_backend.train.plan import Plan

__all__ = ["Helm"]

LOW, HIGH = 1 / 16, 64.0
RISE = 0.4  # octaves a stretch, while looking for the rate; more, the longer none comes
FALL = 1 / 6  # octaves for each octave of rate too many, when it was found
GAIN = 0.4


class Helm:
    """The drive of one trial, from stretch to stretch.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    drive : float
        For the next stretch.
    drives : list of float
        Of the stretches so far; the teacher appends to it.
    """

    def __init__(self, plan: Plan) -> None:
        self.target_Hz = plan.target_Hz
        self.drive = plan.drive
        self.drives: list[float] = []
        self.settled = 0
        self.rise = RISE

    def move(self, spikes: int, activity: float, length_ms: int) -> None:
        """Take the cell's answer to a stretch into account.

        Parameters
        ----------
        spikes : int
            In the stretch.
        activity : float
            Of its input, relative to what is expected; nothing is learned from silence.
        length_ms : int
        """
        if math.isnan(self.target_Hz) or activity < 0.2:
            return
        expected = self.target_Hz * length_ms * 1e-3 * min(activity, 1.0)
        if self.settled:
            gain = GAIN / math.sqrt(self.settled)
            step = gain * max((expected - spikes) / max(expected, 1.0), -2.0)
            self.settled += 1
        elif spikes == 0 or spikes < expected:
            step = self.rise
            self.rise = min(1.2 * self.rise, 1.0) if spikes == 0 else RISE
        else:
            step = -FALL * math.log2(spikes / expected) - RISE / 4
            self.settled = 1
        self.drive = min(max(self.drive * 2.0**step, LOW), HIGH)
