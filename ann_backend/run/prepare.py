"""What a ``finitialize`` does first: from replaced cells to a model that is ready."""

from __future__ import annotations

import atexit
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ann_backend import _neuron, channels
from ann_backend.bundle import Bundle
from ann_backend.errors import CellError, UnsupportedError
from ann_backend.nrn import h
from ann_backend.run import calibration, engine, limits, parallel
from ann_backend.run.surrogate import Surrogate, address

if TYPE_CHECKING:
    from ann_backend.run.population import Population


class Running(NamedTuple):
    """A population in the model that runs, also when its user has let it go."""

    population: weakref.ref[Population]
    group: int
    parts: tuple[Any, ...]  # what the coupling points to


class Stepped(NamedTuple):
    """What the coupling steps as one, in its order."""

    bundle: Bundle
    rows: int
    gids: range | None  # of a population
    engine: Any


@dataclass
class State:
    """Everything that lasts from one ``finitialize`` to the next."""

    backend: str = "auto"
    threads: int = 1
    cells: list[Surrogate] = field(default_factory=list)
    populations: list[weakref.ref[Population]] = field(default_factory=list)
    engines: dict[tuple[int, str, int], Any] = field(default_factory=dict)
    prepared: Any = None  # _neuron.Prepared, while cells are parked
    order: list[Surrogate] = field(default_factory=list)  # as in `prepared`
    running: list[Running] = field(default_factory=list)  # the same
    stepped: list[Stepped] = field(default_factory=list)  # the same
    refused: str = ""


state = State()


def before_finitialize() -> None:
    """Park, map and hook the replaced cells; idle if there are none.

    Raises
    ------
    CellError, UnsupportedError
        If something about the model is refused; NEURON is then left as without us.
    """
    warn_of_loads()
    state.cells[:] = [c for c in state.cells if c.handle.alive]
    made = populations()
    active = bool(made) or (bool(state.cells) and state.backend != "neuron")
    parallel.align(active)
    if not active:
        _detach()
        return
    try:
        _prepare()
    except Exception as error:
        state.refused = str(error)
        _detach()
        raise


def populations() -> list[Population]:
    """Those that somebody refers to, in the order in which they were made."""
    alive = [(ref, ref()) for ref in state.populations]
    state.populations[:] = [ref for ref, p in alive if p is not None]
    return [p for _, p in alive if p is not None]


def group_of(p: Population) -> int | None:
    """Where the coupling has it since the last ``finitialize``; None: nowhere."""
    return next((r.group for r in state.running if r.population() is p), None)


def warn_of_loads() -> None:
    """Say once what the run that ends here gave its cells beyond their training."""
    if state.prepared is not None:
        limits.warn_once(limits.loads(state.order))


def after_v_is_set() -> None:
    """Refuse a start voltage that a bundle was not trained from.

    Raises
    ------
    CellError
        If ``finitialize(v)`` set another; the cells stay parked, and refuse to step.
    """
    if state.prepared is None:
        return
    try:
        limits.refuse_v_init(state.order)
    except CellError as error:
        state.refused = str(error)
        _neuron.refuse_steps(state.refused)
        raise


def _detach() -> None:
    """Every cell back to NEURON. Only here, where its structure may change."""
    parked = state.prepared is not None or bool(state.order)
    anchor = calibration.ready() if parked else calibration.anchor()
    # it may be in the user's model, which had no other section
    if parked or (anchor is not None and _neuron.is_listed(address(anchor))):
        _neuron.prepare([], address(anchor))
    state.prepared = None
    state.order, state.running, state.stepped = [], [], []
    state.engines.clear()


def _prepare() -> None:
    alive = populations()
    if alive and state.backend == "neuron":
        raise UnsupportedError(
            f"use('neuron') with {alive[0]}: NEURON has no sections of it to integrate"
        )
    limits.refuse_features()
    limits.refuse_celsius([*state.cells, *alive])
    limits.refuse_changes(state.cells)
    anchor = calibration.ready()
    groups = _groups()
    current = {_key(bundle, len(members)) for bundle, members in groups}
    for key in [k for k in state.engines if k not in current]:
        del state.engines[key]
    state.order = [c for _, members in groups for c in members]
    state.stepped = [
        *[Stepped(b, len(m), None, _engine(b, len(m))) for b, m in groups],
        *[Stepped(p.bundle, len(p), p.gids, p.engine) for p in alive],
    ]
    state.prepared = _neuron.prepare(
        [_group(s, m) for s, (_, m) in zip(state.stepped, groups, strict=False)]
        + [_rows(p) for p in alive],
        address(anchor),
    )
    state.running = [
        Running(weakref.ref(p), len(groups) + k, p.parts) for k, p in enumerate(alive)
    ]
    strangers = state.prepared.strangers
    if strangers:
        manifest = state.order[strangers[0].cell].bundle.manifest
        raise channels.refusal(strangers[0], manifest)
    if state.prepared.fault:
        raise CellError(state.prepared.fault)
    counts = state.prepared.counts
    limits.refuse_extracellular(state.order, counts)
    limits.warn_once(limits.approximations(state.order, counts))
    state.refused = ""


def _groups() -> list[tuple[Bundle, list[Surrogate]]]:
    by_bundle: dict[int, tuple[Bundle, list[Surrogate]]] = {}
    for cell in state.cells:
        by_bundle.setdefault(id(cell.bundle), (cell.bundle, []))[1].append(cell)
    return list(by_bundle.values())


def _group(stepped: Stepped, members: list[Surrogate]) -> tuple[Any, ...]:
    manifest = stepped.bundle.manifest
    return (
        stepped.engine.population,
        manifest.cell["v_init_mV"],
        [c.handle for c in members],
        channels.rules(manifest),
        [c.weight_uS for c in manifest.channels],
        [],
    )


def _rows(p: Population) -> tuple[Any, ...]:
    v_init = p.bundle.manifest.cell["v_init_mV"]
    return (p.engine.population, v_init, [], [], [], p.taps)


def _key(bundle: Bundle, rows: int) -> tuple[int, str, int]:
    return id(bundle), engine.chosen(state.backend, rows), state.threads


def _engine(bundle: Bundle, rows: int) -> Any:
    key = _key(bundle, rows)
    made = state.engines.get(key)
    if made is None:
        made = state.engines[key] = engine.make(
            bundle, rows, state.backend, state.threads
        )
    if made.rows != rows:
        made.resize(rows)
    return made


atexit.register(warn_of_loads)
_handlers = [
    h.FInitializeHandler(3, before_finitialize),
    h.FInitializeHandler(0, after_v_is_set),
]
