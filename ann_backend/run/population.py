"""Many cells of one bundle without NEURON sections, and connections as arrays.

A population runs in the same engine, in the same bins and with the same spikes as
replaced cells, at some bytes a cell instead of a megabyte. Its gids are this process's
own, not ParallelContext's; NetCons reach its rows through artificial cells, which
``pc.cell(gid, h.NetCon(p.source(gid), None))`` gives a gid of ParallelContext.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ann_backend import _neuron
from ann_backend.bundle import Bundle
from ann_backend.errors import CellError, UnsupportedError
from ann_backend.nrn import h
from ann_backend.run import catalogue, engine, limits, prepare

__all__ = ["Population", "connect", "population"]

LONGEST_MS = 1e5  # delay: csrc/wires.cpp


class Population:
    """Rows of a surrogate; made by `population`.

    It runs for as long as it is referred to, from the next ``finitialize`` on.

    Attributes
    ----------
    bundle : Bundle
    gids : range
        One a row; numbers for `connect`, not gids of ParallelContext.
    name : str
    """

    def __init__(self, bundle: Bundle, gids: range, made: Any) -> None:
        self.bundle, self.gids, self.engine = bundle, gids, made
        self._sources: dict[int, Any] = {}
        self._inputs: dict[tuple[int, int], Any] = {}
        self.name = f"{len(gids)} rows of '{bundle.manifest.name}'"
        self.name += f", gids {gids.start} to {gids.stop - 1}"

    def __len__(self) -> int:
        return len(self.gids)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def spikes(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Gids and times (ms) since ``finitialize``, arrays of shape (S,), by bin."""
        group = prepare.group_of(self)
        if group is None:
            return np.zeros(0, np.int64), np.zeros(0)
        row, t = _neuron.sent(group)
        return row.astype(np.int64) + self.gids.start, t

    @property
    def v(self) -> NDArray[np.float64]:
        """Soma voltages (mV) at the last bin's end, shape (n,)."""
        group = prepare.group_of(self)
        if group is None:
            return np.full(len(self), self.bundle.manifest.cell["v_init_mV"], float)
        return _neuron.voltages(group)

    def source(self, gid: int) -> Any:
        """An artificial cell that spikes with a row: ``h.NetCon(p.source(gid), syn)``.

        Parameters
        ----------
        gid : int

        Returns
        -------
        NetStim
            It makes no spikes of its own. Made now, it works from the next
            ``finitialize`` on.
        """
        row = self._row(gid)
        if row not in self._sources:
            self._sources[row] = _silent()
        return self._sources[row]

    def input(self, gid: int, channel: int | str) -> Any:
        """An artificial cell whose events a row receives.

        Parameters
        ----------
        gid : int
        channel : int or str
            Of the bundle. The NetCon's weight is in uS.

        Returns
        -------
        NetStim
            Made now, it works from the next ``finitialize`` on.
        """
        key = self._row(gid), int(self.channels(np.array([channel]))[0])
        if key not in self._inputs:
            self._inputs[key] = _silent()
        return self._inputs[key]

    def channels(self, given: NDArray[Any]) -> NDArray[np.int32]:
        """Indices of channels, which are given by name or index.

        Raises
        ------
        CellError
            The bundle has no such channel.
        """
        known = [c.name for c in self.bundle.manifest.channels]
        names, which = np.unique(given, return_inverse=True)
        for name in names.tolist():
            if name not in known and name not in range(len(known)):
                raise CellError(
                    f"{self}: expected one of {len(known)} channels ({known[0]}, ...; "
                    f"see bundle.manifest.channels), got {name!r}"
                )
        index = [known.index(n) if n in known else n for n in names.tolist()]
        return np.array(index, np.int32)[which.reshape(-1)]

    @property
    def taps(self) -> list[tuple[int, int, int]]:
        """Artificial cells: index of the NetStim, row, channel or -1."""
        sources = [(_index(a), row, -1) for row, a in self._sources.items()]
        inputs = [(_index(a), row, c) for (row, c), a in self._inputs.items()]
        return sources + inputs

    @property
    def parts(self) -> tuple[Any, ...]:
        """What a run needs of it."""
        cells = [*self._sources.values(), *self._inputs.values()]
        return (self.engine, *cells)

    def _row(self, gid: int) -> int:
        if gid not in self.gids:
            raise CellError(f"{self}: expected one of its gids, got {gid!r}")
        return self.gids.index(gid)


def population(bundle: str | Bundle, n: int, *, gid: int | None = None) -> Population:
    """Make cells without sections: gids, spikes and soma voltage only.

    It keeps the backend and threads that `use` says now.

    Parameters
    ----------
    bundle : str, path or Bundle
        Path or name.
    n : int
        Rows.
    gid : int, optional
        Of the first row; the others follow. By default behind all other populations'
        of this process.

    Raises
    ------
    BundleError
        If the bundle is missing or damaged.
    CellError
        If there is no row, or a gid is another population's.
    UnsupportedError
        Under ``use("neuron")``: NEURON has nothing to integrate here.
    """
    state = prepare.state
    if state.backend == "neuron":
        raise UnsupportedError(
            "use('neuron'): a population has no sections that NEURON could integrate; "
            "replace() cells to compare both backends"
        )
    if n < 1:
        raise CellError(f"expected at least 1 row, got {n}")
    others = prepare.populations()
    if gid is None:
        gid = max((p.gids.stop for p in others), default=0)
    gids = range(gid, gid + n)
    for p in others:
        if p.gids.start < gids.stop and gids.start < p.gids.stop:
            raise CellError(
                f"expected gids that are free, got {gid} to {gid + n - 1} beside {p}"
            )
    found = catalogue.find(bundle)
    made = engine.make(found, n, engine.chosen(state.backend, n), state.threads)
    new = Population(found, gids, made)
    state.populations.append(weakref.ref(new))
    return new


def connect(
    pre: ArrayLike,
    post: ArrayLike,
    channel: int | str | Sequence[int | str] | NDArray[Any],
    weight: ArrayLike,
    delay: ArrayLike,
) -> None:
    """Connect rows of populations, of one or of several; 16 bytes a connection.

    Parameters
    ----------
    pre, post : array of int, shape (N,)
        Gids.
    channel : int, str or sequence of these
        Of the target's bundle.
    weight : array of float, uS
        Kept in float32.
    delay : array of float, ms
        Kept in float32. A spike is known at the end of its 1 ms bin: an event that a
        shorter delay would put before comes then, said once.

    Raises
    ------
    CellError
        A gid or channel that no population has, a weight or delay that is not finite, a
        negative delay, or arrays that do not broadcast. Nothing is connected then.
    """
    arrays = [np.atleast_1d(np.asarray(a)) for a in (pre, post, weight, delay)]
    names, which = np.unique(np.atleast_1d(np.asarray(channel)), return_inverse=True)
    try:
        pre, post, weight, delay, kind = np.broadcast_arrays(*arrays, which.reshape(-1))
    except ValueError:
        shapes = [a.shape for a in (*arrays, which.reshape(-1))]
        raise CellError(
            "expected pre, post, weight, delay and channel of one shape (N,), or "
            f"scalars, got {shapes}"
        ) from None
    _refuse(pre, post, weight, delay)
    populations = prepare.populations()
    pair = _owners(pre, populations) * len(populations) + _owners(post, populations)
    parts = []
    for one in np.unique(pair):
        mine = pair == one
        source, target = (populations[k] for k in divmod(int(one), len(populations)))
        found = target.channels(names)[kind[mine]]
        _warn_of_weights(target, found, weight[mine])
        parts.append((source, target, mine, found))
    for source, target, mine, found in parts:
        source.engine.connect(
            (pre[mine] - source.gids.start).astype(np.int32),
            target.engine,
            (post[mine] - target.gids.start).astype(np.int32),
            found,
            weight[mine].astype(np.float32),
            delay[mine].astype(np.float32),
        )
    short = delay[delay < 1.0]
    if len(short):
        late = float(np.mean((1.0 - short) ** 2) / 2)
        text = (
            f"{len(short)} connections have a delay below 1 ms: their events come "
            f"{late:.3g} ms late on average"
        )
        limits.warn_once([limits.Approximation("wires", len(short), text)])


def _refuse(pre: Any, post: Any, weight: Any, delay: Any) -> None:
    for name, gids in (("pre", pre), ("post", post)):
        if not np.issubdtype(gids.dtype, np.integer):
            raise CellError(f"expected {name} as integers (gids), got {gids.dtype}")
    bad = ~(np.abs(weight) <= np.finfo(np.float32).max)
    if bad.any():
        raise CellError(f"expected finite weights (uS), got {weight[bad][0]}")
    bad = ~((delay >= 0) & (delay <= LONGEST_MS))
    if bad.any():
        raise CellError(
            f"expected delays of 0 to {LONGEST_MS:g} ms, got {delay[bad][0]}"
        )


def _warn_of_weights(target: Population, channel: Any, weight: Any) -> None:
    limits_uS = np.array([c.weight_uS for c in target.bundle.manifest.channels])
    low, high = limits_uS[channel].T
    count = int(((weight < low) | (weight > high)).sum())
    text = (
        f"{count} connections onto {target} have a weight outside the range that its "
        "bundle was trained in: fidelity there is unknown"
    )
    if count:
        limits.warn_once([limits.Approximation("wire weights", count, text)])


def _owners(gids: NDArray[Any], populations: list[Population]) -> NDArray[np.int64]:
    """Which of the populations each gid belongs to."""
    owner = np.full(gids.shape, -1, np.int64)
    for k, p in enumerate(populations):
        owner[(gids >= p.gids.start) & (gids < p.gids.stop)] = k
    if (owner < 0).any():
        raise CellError(
            f"expected gids of populations ({populations}), got "
            f"{gids[owner < 0][0]}; other cells are joined by NetCons, with "
            "Population.source and Population.input"
        )
    return owner


def _silent() -> Any:
    """An artificial cell that does nothing by itself."""
    cell = h.NetStim()
    cell.number = 0
    return cell


def _index(cell: Any) -> int:
    return int(str(cell).partition("[")[2].rstrip("]"))
