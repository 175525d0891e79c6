"""A described cell in Jaxley: the same compartments, channels and step as in NEURON.

Without synapses, which is in Jaxley's favour; its step takes as long for a silent cell
as for one that fires. Double precision is NEURON's, single precision Jaxley's default.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxley as jx
import numpy as np
from jaxley.integrate import build_init_and_step_fn

from .channels import Calcium, Mechanism
from .events import Events

DT_MS, BLOCK_MS = 0.025, 10


def built(described: dict[str, Any]) -> tuple[Any, int]:
    """The cell, its compartments in the order of the branches, and the soma's."""
    comp = jx.Compartment()
    branches = [jx.Branch(comp, ncomp=len(own)) for _, own in described["branches"]]
    cell = jx.Cell(branches, parents=[parent for parent, _ in described["branches"]])
    order = [k for _, own in described["branches"] for k in own]
    segments = [described["segments"][k] for k in order]
    cell.set("v", described["v_init_mV"])
    present = {name for s in segments for name in s["mechanisms"]}
    for name in sorted(present):
        where = [k for k, s in enumerate(segments) if name in s["mechanisms"]]
        made = Calcium() if name == "ann_CaDyn" else Mechanism(name)
        cell.select(nodes=where).insert(made)
        for p in segments[where[0]]["mechanisms"][name]:
            values = [segments[k]["mechanisms"][name][p] for k in where]
            cell.nodes.loc[where, f"{name}_{p}"] = values
    for key, column in (
        ("radius", "radius"),
        ("length", "length"),
        ("area", "area"),
        ("axial_resistivity", "Ra"),
        ("capacitance", "cm"),
    ):
        cell.nodes[key] = [s[column] for s in segments]
    loads = np.array([s["load"] for s in segments])
    cell.nodes["resistive_load_in"], cell.nodes["resistive_load_out"] = loads.T
    for ion in ("ena", "ek", "cao"):
        cell.nodes[ion] = [s["ions"].get(ion, 0.0) for s in segments]
    cell.branch(0).comp(0).record(verbose=False)
    cell.to_jax()
    cell.init_states(DT_MS)
    cell.to_jax()
    return cell, order.index(described["soma"])


class Jaxley:
    """Rows of the cell, 10 ms at a call of what XLA compiled."""

    parameters = None

    def __init__(self, described: dict[str, Any], rows: int, *, double: bool) -> None:
        one = max(os.sched_getaffinity(0))
        for thread in Path("/proc/self/task").iterdir():  # XLA's, too
            os.sched_setaffinity(int(thread.name), {one})
        jax.config.update("jax_enable_x64", double)
        cell, _ = built(described)
        advance, states = _stepper(cell, None)
        self.states = jax.tree.map(lambda x: jnp.stack([x] * rows), states)
        silent = jnp.zeros((round(BLOCK_MS / DT_MS), 0))
        many = jax.jit(jax.vmap(lambda s: advance(s, silent)[0]))
        self.advance = many.lower(self.states).compile()

    def run(self, events: Events) -> float:
        """Advance as long as the events last; return the seconds it took."""
        start = time.perf_counter()
        for _ in range(events.bins // BLOCK_MS):
            self.states = self.advance(self.states)
        jax.block_until_ready(self.states)
        return time.perf_counter() - start


def step(
    described: dict[str, Any], current_nA: list[float], *, double: bool
) -> list[float]:
    """Voltage of the soma after each step with a current into it, mV."""
    jax.config.update("jax_enable_x64", double)
    cell, soma = built(described)
    advance, states = _stepper(cell, soma)
    _, v = jax.jit(advance)(states, jnp.array(current_nA)[:, None])
    found: list[float] = v[:, soma].tolist()
    return found


def _stepper(cell: Any, soma: int | None) -> tuple[Any, Any]:
    """A function (states, currents of each step) -> (states, voltages), and a start."""
    begin, one = build_init_and_step_fn(cell, voltage_solver="jaxley.dhs.cpu")
    states, params = begin([])
    where = {} if soma is None else {"i": jnp.array([soma])}

    def advance(states: Any, currents: Any) -> Any:
        def body(states: Any, now: Any) -> Any:
            given = {"i": now} if where else {}
            states = one(states, params, given, where, delta_t=DT_MS)
            return states, states["v"] if where else None

        return jax.lax.scan(body, states, currents)

    return advance, states
