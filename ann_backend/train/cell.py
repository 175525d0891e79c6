"""What a training run is told about a cell: template, channels, their ranges.

First in the training line: every later stage reads a `CellDescription`, none
knows a cell by name. A new cell that ships is one more entry in `SHIPPED`.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from ann_backend.errors import CellError

__all__ = ["DENDRITES", "SHIPPED", "CellDescription", "ChannelDescription"]

DENDRITES = "dendrites"
ROLES = ("excitatory", "slow", "inhibitory", "current")
HEARD = "spikes"  # of the network's own channels, which no description has


def refuse_step(cell: str, dt_ms: float) -> None:
    """Refuse a step of which 1 ms is no multiple.

    Raises
    ------
    CellError
    """
    if not dt_ms > 0.0 or abs(round(1.0 / dt_ms) * dt_ms - 1.0) > 1e-9:
        raise CellError(
            f"{cell}: expected dt_ms to go into 1 ms, such as 0.025 or 0.05, got "
            f"{dt_ms:g}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelDescription:
    """One input channel: a place on the cell and a kind of synapse.

    Parameters
    ----------
    name : str
        The channel's name in the bundle.
    location : str
        Where it sits, as NEURON writes it: ``"soma(0.5)"``. ``"dendrites"`` stands
        for one channel on each dendritic segment, ``"dendrites, soma"`` for one at
        ``soma(0.5)`` as well; `resolve` spells them out.
    synapses : tuple of (mechanism, parameters)
        Point processes with the same kinetics; the first one is simulated.
    role : {"excitatory", "slow", "inhibitory", "current"}
        How the sampler drives it: "slow" shares the excitation (NMDA); "current" is
        a clamp, whose charge is an event for each run of constant current in a bin.
    unit_uS : float
        A typical weight; trials draw weights from 0.1 to 4 times this. Of a current,
        a typical charge in nA ms: trials draw from -4 to 4 times this.
    rate_Hz : float
        Events per second, of the typical weight, at a drive of 1.
    tau_ms : tuple of float
        Time constants of the traces that the surrogate sees: the synapse's
        own, and fast ones that make the timing inside a bin visible. As many for
        every channel of a cell.
    branch : int
        Stretch of dendrite that holds it, in the tree's order; the soma is 0.
    distance_um : float
        Path distance from ``soma(0.5)``.

    Raises
    ------
    CellError
        No such role, no synapse, or a time constant, unit or rate that is not above 0.
    """

    name: str
    location: str
    synapses: tuple[tuple[str, dict[str, float]], ...]
    role: str
    unit_uS: float
    rate_Hz: float
    tau_ms: tuple[float, ...]
    branch: int = 0
    distance_um: float = 0.0

    def __post_init__(self) -> None:
        if self.role == HEARD:
            return
        said = f"channel '{self.name}'"
        if self.role not in ROLES:
            raise CellError(
                f"{said}: expected a role of {', '.join(ROLES)}, got {self.role!r}"
            )
        if not self.synapses:
            raise CellError(
                f"{said}: expected a synapse, (mechanism, parameters), got none"
            )
        given = {
            "tau_ms": self.tau_ms,
            "unit_uS": (self.unit_uS,),
            "rate_Hz": (self.rate_Hz,),
        }
        for name, values in given.items():
            if not values or not all(0.0 < value < math.inf for value in values):
                raise CellError(f"{said}: expected {name} above 0, got {values}")

    @property
    def weight_uS(self) -> tuple[float, float]:
        """Smallest and largest weight of a training event."""
        low = -4.0 if self.role == "current" else 0.1
        return low * self.unit_uS, 4.0 * self.unit_uS

    @property
    def region(self) -> str:
        """Name of its section without the index: ``"apic"``."""
        return self.location.split("(")[0].split("[")[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellDescription:
    """A cell and the channels that a surrogate of it will have.

    Parameters
    ----------
    name : str
        The bundle's name.
    template : str
        A hoc template, or ``"module:attribute"``: a Python class, or a function that
        returns the cell. The cell must have a ``soma``.
    hoc_file : str or Path, optional
        File that defines the template; a bare name is one that ships.
    arguments : tuple
        What the template is called with.
    channels : tuple of ChannelDescription
        Empty: the synapses that the template itself placed become the channels.
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
    secondorder : {0, 2}
        NEURON's: 0 is backward Euler, 2 is Crank-Nicolson.
    output_Hz : (float, float)
        Trials draw their output rate from this range, log-uniform.
    branch_parents : tuple of int
        Branch from which each branch rises, -1 for branch 0; `resolve` fills it in.
    sites : tuple of str
        Places whose voltage is recorded as well; `resolve` fills it in.
    digest : str
        Of the fingerprint of the cell that the template built; `resolve` fills it in.

    Raises
    ------
    CellError
        The step does not go into 1 ms, or NEURON has no such order.
    """

    name: str
    template: str
    hoc_file: str | Path | None = None
    arguments: tuple[Any, ...] = ()
    channels: tuple[ChannelDescription, ...] = ()
    mod_files: tuple[str | Path, ...] = ()
    v_init_mV: float = -65.0
    celsius: float = 6.3
    threshold_mV: float = 0.0
    clip_mV: float = -55.0
    dt_ms: float = 0.025
    secondorder: int = 0
    output_Hz: tuple[float, float] = (0.1, 20.0)
    branch_parents: tuple[int, ...] = ()
    sites: tuple[str, ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        refuse_step(self.name, self.dt_ms)
        if self.secondorder not in (0, 2):
            raise CellError(
                f"{self.name}: expected secondorder 0 or 2, got {self.secondorder}"
            )

    @property
    def resolved(self) -> bool:
        """Whether the cell was built, and every channel and branch is spelled out."""
        return bool(self.digest)

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON types, with file names only."""
        record = dataclasses.asdict(self)
        record["hoc_file"] = Path(self.hoc_file).name if self.hoc_file else None
        record["mod_files"] = [Path(name).name for name in self.mod_files]
        record["arguments"] = [
            Path(a).name if isinstance(a, str | Path) else a for a in self.arguments
        ]
        return record


HH = CellDescription(
    name="HH",
    template="HH",
    hoc_file="HH.hoc",
    mod_files=("ann_AMPA.mod", "ann_GABAA.mod", "ann_NMDA.mod"),
    output_Hz=(0.1, 50.0),
    branch_parents=(-1,),
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

L5PC = CellDescription(
    name="L5PC",
    template="L5PC",
    hoc_file="L5PC.hoc",
    mod_files=(
        "ann_CaDyn.mod",
        "ann_CaHVA.mod",
        "ann_CaLVA.mod",
        "ann_Ih.mod",
        "ann_Im.mod",
        "ann_KP.mod",
        "ann_KT.mod",
        "ann_Kv31.mod",
        "ann_NaP.mod",
        "ann_NaT.mod",
        "ann_SK.mod",
    ),
    v_init_mV=-75.0,
    celsius=34.0,
    dt_ms=0.05,
    secondorder=2,
    channels=(
        ChannelDescription(
            name="AMPANMDA",
            location=DENDRITES,
            synapses=(
                (
                    "ann_AMPANMDA",
                    {
                        "tau_rise_AMPA": 0.2,
                        "tau_decay_AMPA": 1.7,
                        "tau_rise_NMDA": 0.29,
                        "tau_decay_NMDA": 43.0,
                        "e": 0.0,
                        "mg": 1.0,
                        "ratio": 0.71,
                    },
                ),
            ),
            role="excitatory",
            unit_uS=0.001,
            rate_Hz=4.0,
            tau_ms=(0.3, 1.7, 9.0, 43.0),
        ),
        ChannelDescription(
            name="GABAA",
            location=f"{DENDRITES}, soma",
            synapses=(
                ("ann_GABAA", {"tau_rise": 0.5, "tau_decay": 8.0, "e": -80.0}),
                ("Exp2Syn", {"tau1": 0.5, "tau2": 8.0, "e": -80.0}),
            ),
            role="inhibitory",
            unit_uS=0.001,
            rate_Hz=4.0,
            tau_ms=(0.5, 2.0, 8.0, 30.0),
        ),
        ChannelDescription(
            name="soma(0.5) IClamp",
            location="soma(0.5)",
            synapses=(("IClamp", {}),),
            role="current",
            unit_uS=0.5,
            rate_Hz=1000.0,
            tau_ms=(0.5, 2.0, 10.0, 60.0),
        ),
    ),
)

SHIPPED = {"HH": HH, "L5PC": L5PC}
