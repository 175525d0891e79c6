"""What a training run is told about a cell: template, channels, their ranges.

First in the training line: every later stage reads a `CellDescription`, none
knows a cell by name. A new cell that ships is one more entry in `SHIPPED`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

__all__ = ["SHIPPED", "CellDescription", "ChannelDescription"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelDescription:
    """One input channel: a place on the cell and a kind of synapse.

    Parameters
    ----------
    name : str
        The channel's name in the bundle.
    location : str
        Where it sits, as NEURON writes it: ``"soma(0.5)"``.
    synapses : tuple of (mechanism, parameters)
        Point processes with the same kinetics; the first one is simulated.
    role : {"excitatory", "slow", "inhibitory"}
        How the sampler drives it: "slow" shares the excitation (NMDA).
    unit_uS : float
        A typical weight; trials draw weights from 0.1 to 4 times this.
    rate_Hz : float
        Events per second, of the typical weight, at a drive of 1.
    tau_ms : tuple of float
        Time constants of the traces that the surrogate sees: the synapse's
        own, and fast ones that make the timing inside a bin visible.
    """

    name: str
    location: str
    synapses: tuple[tuple[str, dict[str, float]], ...]
    role: str
    unit_uS: float
    rate_Hz: float
    tau_ms: tuple[float, ...]

    @property
    def weight_uS(self) -> tuple[float, float]:
        """Smallest and largest weight of a training event."""
        return 0.1 * self.unit_uS, 4.0 * self.unit_uS


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellDescription:
    """A hoc template and the channels that a surrogate of it will have.

    Parameters
    ----------
    name : str
        The bundle's name.
    template : str
        The hoc template; it must have a public section ``soma``.
    hoc_file : str or Path
        File that defines the template; a bare name is one that ships.
    channels : tuple of ChannelDescription
    mod_files : tuple of str or Path
        Mechanisms to compile; bare names are ones that ship.
    v_init_mV, celsius : float
        Every trial starts at ``finitialize(v_init_mV)`` at this temperature.
    threshold_mV : float
        A spike is an upward crossing of this voltage at the soma.
    clip_mV : float
        The surrogate's voltage is clipped here; the action potential's mean
        waveform stands for what is above.
    dt_ms : float
        The teacher's fixed step; 1 must be a multiple of it.
    """

    name: str
    template: str
    hoc_file: str | Path
    channels: tuple[ChannelDescription, ...]
    mod_files: tuple[str | Path, ...] = ()
    v_init_mV: float = -65.0
    celsius: float = 6.3
    threshold_mV: float = 0.0
    clip_mV: float = -55.0
    dt_ms: float = 0.025

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON types, with file names only."""
        record = dataclasses.asdict(self)
        record["hoc_file"] = Path(self.hoc_file).name
        record["mod_files"] = [Path(name).name for name in self.mod_files]
        return record


HH = CellDescription(
    name="HH",
    template="HH",
    hoc_file="HH.hoc",
    mod_files=("ann_AMPA.mod", "ann_GABAA.mod", "ann_NMDA.mod"),
    channels=(
        ChannelDescription(
            name="AMPA",
            location="soma(0.5)",
            synapses=(
                ("ann_AMPA", {"tau": 2.0, "e": 0.0}),
                ("ExpSyn", {"tau": 2.0, "e": 0.0}),
            ),
            role="excitatory",
            unit_uS=0.0025,
            rate_Hz=100.0,
            tau_ms=(0.3, 0.8, 2.0, 8.0),
        ),
        ChannelDescription(
            name="GABA_A",
            location="soma(0.5)",
            synapses=(
                ("ann_GABAA", {"tau_rise": 0.5, "tau_decay": 5.0, "e": -75.0}),
                ("Exp2Syn", {"tau1": 0.5, "tau2": 5.0, "e": -75.0}),
            ),
            role="inhibitory",
            unit_uS=0.0025,
            rate_Hz=60.0,
            tau_ms=(0.5, 1.5, 5.0, 15.0),
        ),
        ChannelDescription(
            name="NMDA",
            location="soma(0.5)",
            synapses=(
                (
                    "ann_NMDA",
                    {"tau_rise": 2.0, "tau_decay": 65.0, "e": 0.0, "mg": 1.0},
                ),
            ),
            role="slow",
            unit_uS=0.001,
            rate_Hz=50.0,
            tau_ms=(0.7, 2.0, 12.0, 65.0),
        ),
    ),
)

SHIPPED = {"HH": HH}
