"""The user's verbs: replace, restore, use. State: the list of replaced cells."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

from ann_backend import _neuron
from ann_backend.bundle import Bundle, Manifest
from ann_backend.errors import CellError, UnsupportedError
from ann_backend.nrn import h
from ann_backend.run import catalogue, prepare
from ann_backend.run.surrogate import Surrogate, address, surrogate
from ann_backend.template import fingerprint, soma

BACKENDS = ("neuron", "auto", "cpu", "cuda")

# Called with each cell that replace() takes and its manifest, on every backend.
observers: list[Callable[[Any, Manifest], None]] = []


def use(backend: str, *, threads: int = 1) -> None:
    """Choose what integrates the cells that `replace` was given.

    Takes effect at the next ``finitialize``; a `population` keeps what was chosen when
    it was made. The environment variable ``ANN_BACKEND``
    sets it at import; the default is ``"auto"``.

    Parameters
    ----------
    backend : {"neuron", "auto", "cpu", "cuda"}
        ``"neuron"`` makes `replace` a no-op, so that one script runs on either.
    threads : int
        Of the CPU engine, of this process. The spikes do not depend on it.

    Raises
    ------
    ValueError
        If it is none of these, or no number of threads.
    """
    if backend not in BACKENDS:
        raise ValueError(f"expected a backend among {BACKENDS}, got {backend!r}")
    try:
        count = operator.index(threads)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"expected threads of 1 or more, an int, got {threads!r}")
    prepare.state.backend, prepare.state.threads = backend, count
    _retire()


def replace(what: Any, *args: Any, bundle: str | Bundle | None = None) -> Any:
    """Let a trained surrogate integrate a cell from the next ``finitialize`` on.

    Every section, synapse, NetCon, gid and recording that the cell has, or gets later,
    keeps working; what is made later is found at the next ``finitialize``.

    Parameters
    ----------
    what : template, class, cell, or list of these
        A hoc template or Python class is called with `args`; a cell must have an
        attribute ``soma``.
    *args
        For the template or class.
    bundle : str, path or Bundle, optional
        Path or name. By default the shipped or registered bundle whose fingerprint
        matches the cell.

    Returns
    -------
    object
        The NEURON cell itself; the list of them for a list.

    Raises
    ------
    CellError
        If the cell has no soma, or no bundle, or not this one, fits it.
    BundleError
        If the bundle is missing or damaged.
    """
    several = isinstance(what, (list, tuple))
    cells = [_instance(w, args) for w in (what if several else [what])]
    chosen: Bundle | None = catalogue.find(bundle) if bundle is not None else None
    if prepare.state.backend != "neuron" or observers:
        _take([(cell, _bundle_for(cell, chosen)) for cell in cells])
    return cells if several else cells[0]


def restore(cell: Any = ...) -> None:
    """Give the biophysical cell back, from the next ``finitialize`` on.

    That run is bit-identical to one of a cell never replaced. A run that is under way
    goes on with the surrogate.

    Parameters
    ----------
    cell : cell or list of cells, optional
        By default every replaced cell.

    Raises
    ------
    CellError
        If it is not a replaced cell.
    """
    replaced = prepare.state.cells
    if cell is ...:
        replaced.clear()
    else:
        for one in cell if isinstance(cell, (list, tuple)) else [cell]:
            soma(one)
            if replaced or prepare.state.backend != "neuron":
                replaced.remove(_find(one))
    _retire()


def _retire() -> None:
    """Lift what surrogates forbid a run, where the next ``finitialize`` has none."""
    cells = [c for c in prepare.state.cells if c.handle.alive]
    surrogates = cells if prepare.state.backend != "neuron" else []
    _neuron.retire(not surrogates and not prepare.populations())


def _instance(what: Any, args: tuple[Any, ...]) -> Any:
    if isinstance(what, str):
        raise CellError(
            f"expected a template, a class, a cell or a list of cells, got the string "
            f"'{what}'; write h.{what}"
        )
    template = str(what).endswith("()") and not hasattr(what, "soma")
    if template or isinstance(what, type):
        return what(*args)
    soma(what)
    if args:
        raise TypeError(
            f"{what} is a cell already: arguments {args} are for a template or class"
        )
    return what


def _bundle_for(cell: Any, chosen: Bundle | None) -> Bundle:
    print_ = fingerprint(cell, float(getattr(h, "v_init", -65.0)), float(h.celsius))
    if chosen is None:
        return catalogue.matching(print_, cell)
    catalogue.check(chosen, print_, cell)
    return chosen


def _take(pairs: list[tuple[Any, Bundle]]) -> None:
    if prepare.state.backend != "neuron":
        new = [surrogate(cell, bundle) for cell, bundle in pairs]
        by_soma = {s.soma: s for s in [*prepare.state.cells, *new]}  # the last counts
        prepare.state.cells[:] = by_soma.values()
    for cell, bundle in pairs:
        for observe in observers:
            observe(cell, bundle.manifest)


def _find(cell: Any) -> Surrogate:
    where = address(soma(cell))
    for entry in prepare.state.cells:
        if entry.soma == where and entry.handle.alive:
            return entry
    raise CellError(
        f"{cell}: expected a replaced cell; it was not, or is restored already"
    )


def _from_environment() -> None:
    chosen = os.environ.get("ANN_BACKEND")
    if not chosen:
        return
    if chosen not in BACKENDS:
        raise UnsupportedError(
            f"ANN_BACKEND={chosen!r}: expected one of {', '.join(BACKENDS)}"
        )
    use(chosen)


_from_environment()
