"""Published physiology of thick-tufted layer 5 pyramidal cells, with its sources."""

from __future__ import annotations

import dataclasses
import math

__all__ = ["FEATURES", "STEPS_NA", "Published"]

HAY = "Hay et al. 2011, PLoS Comput Biol 7:e1002107"
TANAKA = "Tanaka et al. 2011, J Neurosci 31:18223 (L5b)"
CRITICAL = "Larkum, Kaiser & Sakmann 1999, PNAS 96:14600"
COUPLING = "Schaefer et al. 2003, J Neurophysiol 89:3143"
SAG = "present: Anastasiades & Carter 2021, Trends Neurosci 44:550"


@dataclasses.dataclass(frozen=True)
class Published:
    """One feature: what lies in [low, high] agrees with the source."""

    unit: str
    low: float
    high: float
    source: str


def _mean(unit: str, mean: float, sd: float, source: str) -> Published:
    """A range of two standard deviations about a mean."""
    lowest = 0.0 if mean > 0 else -math.inf  # none of these can change its sign
    return Published(unit, max(mean - 2 * sd, lowest), mean + 2 * sd, source)


# Somatic steps and, of each: rate, first interval, CV of the later ones, time to the
# first spike, peak and half-width of the spikes; mean and SD
STEPS_NA = (0.619, 0.793, 1.507)
_STEPS = {
    "rate": ("Hz", (9.0, 0.88), (14.5, 0.56), (22.5, 2.22)),
    "first interval": ("ms", (57.75, 33.48), (6.625, 8.65), (5.38, 0.83)),
    "interval CV": ("", (0.120, 0.032), (0.108, 0.037), (0.095, 0.014)),
    "first spike after": ("ms", (43.25, 7.32), (19.125, 7.31), (7.25, 1.0)),
    "AP peak": ("mV", (26.2, 4.97), (16.5, 6.11), (16.4, 6.93)),
    "AP half-width": ("ms", (1.31, 0.17), (1.38, 0.28), (1.86, 0.41)),
}

FEATURES: dict[str, Published] = {
    "resting potential": _mean("mV", -64.8, 8.7, TANAKA),
    "input resistance": _mean("Mohm", 48.7, 29.5, TANAKA),
    "time constant": _mean("ms", 11.7, 5.1, TANAKA),
    "sag": Published("", 0.05, 1.0, SAG),
    "AP height above rest": _mean("mV", 97.9, 5.7, TANAKA),
    "AP half-width": _mean("ms", 0.72, 0.29, TANAKA),
    "bAP at 620 um": _mean("mV", 45.0, 10.0, HAY),
    "bAP at 800 um": _mean("mV", 36.0, 9.33, HAY),
    "bAP: spikes": Published("", 1, 1, HAY),
    "Ca spike threshold": Published("nA", math.nan, math.nan, "none found"),
    "Ca spike threshold, with AP": Published("nA", math.nan, math.nan, "none found"),
    "coupling by an AP": Published("%", 35.0, 60.0, COUPLING),
    "critical frequency": Published("Hz", 60.0, 200.0, CRITICAL),
    "EPSP alone: spikes": Published("", 0, 0, HAY),
    "BAC: spikes": Published("", 3, 3, HAY),
    "BAC: interval": _mean("ms", 9.9, 0.85, HAY),
    "BAC: Ca spike peak": _mean("mV", 6.73, 2.54, HAY),
    "BAC: Ca spike width": _mean("ms", 37.43, 1.27, HAY),
    **{
        f"{current:g} nA: {name}": _mean(unit, mean, sd, HAY)
        for k, current in enumerate(STEPS_NA)
        for name, (unit, *values) in _STEPS.items()
        for mean, sd in values[k : k + 1]
    },
}
