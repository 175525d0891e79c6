"""Many cells of one bundle without NEURON sections.

A population runs in the same engine, in the same bins and with the same spikes as
replaced cells, at some bytes a cell instead of a megabyte. Its gids are this process's
own, not ParallelContext's; NetCons reach its rows through artificial cells, which
``pc.cell(gid, h.NetCon(p.source(gid), None))`` gives a gid of ParallelContext.
"""

from __future__ import annotations

import difflib
import weakref
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ann_backend import _neuron
from ann_backend._engine import on_host
from ann_backend.bundle import Bundle
from ann_backend.errors import CellError, UnsupportedError
from ann_backend.nrn import h
from ann_backend.run import catalogue, engine, prepare

__all__ = ["Population", "population"]


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

    def on_device(self, name: str) -> Any:
        """One of the rows' arrays on a GPU, for cupy or torch; nothing is copied.

        Ask again after each bin, and not across `restore`. The next bin waits for what
        reads it in CUDA's default stream; end what does so in another one yourself.

        Parameters
        ----------
        name : str
            Of the last bin, float64: ``"v"`` (n,), mV at its end; ``"spike"`` (n,), ms,
            NaN for none; float32: ``"outputs"`` (n, 3), raw; ``"traces"`` (n, G*K).
            What rows remember, float32: ``"lstm"`` (n, L, 2, H), h and c;
            ``"branch_v"`` (n, N) of a tree; ``"hazard"`` (n,); float64:
            ``"last_spike"`` (n,), ms.

        Returns
        -------
        DeviceArray
            It has ``__cuda_array_interface__``, and DLPack's methods.

        Raises
        ------
        ValueError
            If the rows are not on a GPU, or have no such array.
        """
        _neuron.settle()
        return self.engine.on_device(name)

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

    def play(
        self, gid: ArrayLike, channel: Any, weight: ArrayLike, t: ArrayLike
    ) -> None:
        """Add events from arrays, as many NetCons would bring them; 24 bytes an event.

        They come in this run, where they lie ahead, and in every later one. `report`
        and the warnings of weights and rates do not count them. Arrays may lie on a
        GPU.

        Parameters
        ----------
        gid : array of int, shape (N,)
        channel : int, str or sequence of these
            Of the bundle.
        weight : array of float, uS
        t : array of float, ms
            When an event arrives, 0 or later.

        Raises
        ------
        CellError
            A gid or channel that it does not have, a weight or time that is not finite,
            a negative time, or arrays that do not broadcast. Nothing is played then.
        """
        kind = self.channels(np.atleast_1d(np.asarray(on_host(channel))))
        arrays = [np.atleast_1d(np.asarray(on_host(a))) for a in (gid, weight, t)]
        try:
            gid, weight, t, kind = np.broadcast_arrays(*arrays, kind)
        except ValueError:
            shapes = [a.shape for a in (*arrays, kind)]
            raise CellError(
                "expected gid, weight, t and channel of one shape (N,), or scalars, "
                f"got {shapes}"
            ) from None
        _refuse_events(self, gid, weight, t)
        self.engine.play(
            (gid - self.gids.start).astype(np.int32),
            np.ascontiguousarray(kind),
            weight.astype(np.float64),
            t.astype(np.float64),
        )

    def channels(self, given: NDArray[Any]) -> NDArray[np.int32]:
        """Indices of channels, which are given by name or index.

        Raises
        ------
        CellError
            The bundle has no such channel.
        """
        known = self._channels
        names, which = np.unique(given, return_inverse=True)
        for name in names.tolist():
            if name not in known:
                every = [c.name for c in self.bundle.manifest.channels]
                near = ", ".join(difflib.get_close_matches(str(name), every, 3, 0.0))
                raise CellError(
                    f"{self}: expected one of {len(every)} channels ({near}, "
                    f"...; see bundle.manifest.channels), got {name!r}"
                )
        index = [known[n] for n in names.tolist()]
        return np.array(index, np.int32)[which.reshape(-1)]

    @cached_property
    def _channels(self) -> dict[str | int, int]:
        """Index of each channel, by its name and by itself."""
        index: dict[str | int, int] = {}
        for k, channel in enumerate(self.bundle.manifest.channels):
            index[channel.name] = k
        return index | {k: k for k in range(len(index))}

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
    made = engine.make(found, n, state.backend, state.threads)
    new = Population(found, gids, made)
    state.populations.append(weakref.ref(new))
    return new


def _refuse_events(p: Population, gid: Any, weight: Any, t: Any) -> None:
    if gid.size and not np.issubdtype(gid.dtype, np.integer):
        raise CellError(f"expected gid as integers, got {gid.dtype}")
    bad = (gid < p.gids.start) | (gid >= p.gids.stop)
    if bad.any():
        raise CellError(f"{p}: expected one of its gids, got {gid[bad][0]}")
    bad = ~(np.abs(weight) <= np.finfo(np.float32).max)
    if bad.any():
        raise CellError(f"expected finite weights (uS), got {weight[bad][0]}")
    bad = ~((t >= 0) & (t < np.inf))
    if bad.any():
        raise CellError(f"expected times of 0 ms or later, got {t[bad][0]}")


def _silent() -> Any:
    """An artificial cell that does nothing by itself."""
    cell = h.NetStim()
    cell.number = 0
    return cell


def _index(cell: Any) -> int:
    return int(str(cell).partition("[")[2].rstrip("]"))
