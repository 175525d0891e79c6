"""What is replaced, as of the last ``finitialize``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ann_backend import _neuron
from ann_backend.run import limits
from ann_backend.run.prepare import state

LISTED = 6  # channels of a cell that are named one by one


@dataclass(frozen=True)
class CellReport:
    """One replaced cell.

    Attributes
    ----------
    name, bundle : str
        The cell's name, and its bundle's.
    sections : int
        Parked: out of NEURON's solver.
    inputs : dict of str to str
        Synapse -> channel.
    netcons, sources, recordings, counters : int
        NetCons onto it; spike sources, Vm recordings and APCounts on it.
    approximate : list of str
        What it keeps only approximately.
    """

    name: str
    bundle: str
    sections: int
    inputs: dict[str, str]
    netcons: int
    sources: int
    recordings: int
    counters: int
    approximate: list[str]

    def __str__(self) -> str:
        """One line, and one for each thing that is approximate."""
        line = (
            f"{self.name}: bundle {self.bundle}; {self.sections} sections parked; "
            f"synapses {_counted(self.inputs)}; {self.netcons} NetCons in, "
            f"{self.sources} sources, {self.recordings} Vm recordings, "
            f"{self.counters} APCounts"
        )
        return "\n".join([line, *(f"    approximate: {a}" for a in self.approximate)])


def _counted(inputs: dict[str, str]) -> str:
    """How many synapses go to each channel; of many channels, to each kind of them."""
    channels = Counter(inputs.values())
    named = {name: f"{n} -> {name}" for name, n in sorted(channels.items())}
    if len(channels) > LISTED:
        kinds = Counter(name.rpartition(" ")[2] for name in inputs.values())
        places = Counter(name.rpartition(" ")[2] for name in channels)
        named = {k: f"{n} -> {k} at {places[k]} places" for k, n in kinds.items()}
    return ", ".join(named.values()) or "none"


@dataclass(frozen=True)
class Report:
    """All replaced cells.

    Attributes
    ----------
    cells : list of CellReport
    nodes_before, nodes_after : int
        In NEURON's solver, without and with the replacement.
    loads : list of str
        Inputs since that ``finitialize`` outside the bundles' training ranges.
    populations : list of str
        Those that run, in the same bins.
    waiting : int
        Cells that `replace` took and no ``finitialize`` has seen yet.
    refused : str
        Why the last ``finitialize`` was refused; empty if it was not.
    """

    cells: list[CellReport]
    nodes_before: int
    nodes_after: int
    loads: list[str]
    populations: list[str]
    waiting: int
    refused: str

    def __str__(self) -> str:
        """The whole report as text."""
        lines = [
            f"{len(self.cells)} cells replaced, {self.waiting} wait for a finitialize; "
            f"nodes in NEURON's solver: {self.nodes_before} before, {self.nodes_after} "
            "after",
            *map(str, self.cells),
        ]
        if self.cells:
            lines.append(
                "While replaced, a cell's sections are not in forall, allsec()."
            )
        lines += [f"population: {name}" for name in self.populations]
        lines += [f"outside the training range: {text}" for text in self.loads]
        if self.refused:
            lines.append(f"refused: {self.refused}")
        return "\n".join(lines)


def report() -> Report:
    """What was parked, mapped, recorded, approximated or refused.

    Returns
    -------
    Report
        As of the last ``finitialize``; ``print`` it.
    """
    if state.prepared is None:
        return Report([], 0, 0, [], [], len(state.cells), state.refused)
    inputs: list[dict[str, str]] = [{} for _ in state.order]
    for found in _neuron.mapped_inputs():
        channels = state.order[found.cell].bundle.manifest.channels
        inputs[found.cell][found.object] = channels[found.channel].name
    cells = [
        CellReport(
            entry.name,
            entry.bundle.manifest.name,
            count.sections,
            mapped,
            count.netcons,
            count.sources,
            count.recordings,
            count.counters,
            [a.text for a in limits.approximations([entry], [count])],
        )
        for entry, count, mapped in zip(
            state.order, state.prepared.counts, inputs, strict=True
        )
    ]
    before, after = state.prepared.nodes_before, state.prepared.nodes_after
    parked = set(map(id, state.order))
    waiting = sum(id(entry) not in parked for entry in state.cells)
    loads = [a.text for a in limits.loads(state.order)]
    running = [p.name for r in state.running if (p := r.population()) is not None]
    return Report(cells, before, after, loads, running, waiting, state.refused)
