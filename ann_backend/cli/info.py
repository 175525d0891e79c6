"""Say what a bundle is: inputs and their ranges, sizes, cost, fidelity, hashes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ann_backend.cli.text import render

if TYPE_CHECKING:
    import argparse

    from ann_backend.bundle import Bundle
    from ann_backend.manifest import Channel

ROWS, BINS, EVENTS = 32, 200, 10  # of the measured step
DENSE = re.compile(r"_w[12xh]?$")  # tensors of which each value is used once a bin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", help="a bundle's file, or the name of one that ships")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Describe the bundle.

    Raises
    ------
    BundleError
        There is no such bundle, or it is not whole.
    """
    from ann_backend.run.catalogue import find

    bundle = find(args.bundle)
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "format": f"{manifest.format} {manifest.version}",
        "licence": manifest.licence,
        "cell": {key: manifest.cell[key] for key in ("digest", "v_init_mV", "celsius")}
        | {"sections": _count(manifest.cell.get("sections"))},
        "inputs": inputs(manifest.channels),
        "sizes": manifest.sizes.model_dump(),
        "cost": cost(bundle),
        "readout": manifest.readout.model_dump(),
        "training": manifest.training.model_dump(),
        "fidelity": manifest.fidelity,
        "tensors_sha256": manifest.tensors_sha256,
        "manifest_sha256": manifest.manifest_sha256,
    }


def text(result: Mapping[str, Any]) -> str:
    """All but the lesser metrics; of each bundle that it began with, the command."""
    training, commands = dict(result["training"]), []
    ranges = dict(training.get("ranges") or {})
    before = ranges.pop("begun_from", None)
    while before:
        commands.append({"command": before["command"]})
        before = (before.get("ranges") or {}).get("begun_from")
    shown = {**result, "training": training | {"ranges": ranges}}
    shown["fidelity"] = headline(result["fidelity"])
    return render(shown | ({"begun_from": commands} if commands else {}))


def inputs(channels: list[Channel]) -> list[dict[str, Any]]:
    """Channels of the same synapse together, with the ranges over all of them."""
    kinds: dict[str, list[Channel]] = {}
    for channel in channels:
        first = channel.synapses[0]
        settings = ", ".join(f"{k} {v:g}" for k, v in sorted(first.parameters.items()))
        kinds.setdefault(f"{first.mechanism} ({settings})", []).append(channel)
    return [
        {
            "synapse": kind,
            "also": ", ".join(s.mechanism for s in alike[0].synapses[1:]) or None,
            "channels": len(alike),
            "unit": "nA ms" if alike[0].synapses[0].mechanism == "IClamp" else "uS",
            "weight_min": min(c.weight_uS[0] for c in alike),
            "weight_max": max(c.weight_uS[1] for c in alike),
            "rate_max_Hz": max(c.rate_Hz[1] for c in alike),
        }
        for kind, alike in kinds.items()
    ]


def cost(bundle: Bundle) -> dict[str, Any]:
    """Multiply-adds by count; time as measured here, on one core, with 32 neurons.

    Returns
    -------
    dict
        ``parameters``; ``mac_per_ms`` of a neuron: dense layers and decay of the
        traces; ``mac_per_event``; ``us_per_neuron_ms`` without events, and
        ``us_per_event``; ``neurons_in_real_time`` without events.
    """
    tensors = bundle.tensors
    dense = sum(x.size for name, x in tensors.items() if DENSE.search(name))
    groups = float(np.count_nonzero(tensors["embedding"], axis=1).mean())
    idle = _seconds_per_neuron_ms(bundle, 0)
    busy = _seconds_per_neuron_ms(bundle, EVENTS)
    return {
        "parameters": int(sum(x.size for x in tensors.values())),
        "mac_per_ms": int(dense + tensors["tau"].size),
        "mac_per_event": round(groups * tensors["tau"].shape[1], 1),
        "us_per_neuron_ms": round(1e6 * idle, 3),
        "us_per_event": round(max(0.0, 1e6 * (busy - idle) / EVENTS), 4),
        "neurons_in_real_time": round(1e-3 / idle),
    }


def headline(fidelity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each metric beside its floor, of all trials and of those of usual rates."""
    from ann_backend.train.tally import KEYS

    floor = fidelity.get("floor") or {}
    bounds = fidelity.get("confidence_95") or {}
    usual = fidelity.get("at_usual_rates") or {}
    return [
        {
            "metric": key,
            "bundle": fidelity[key],
            "floor": floor.get(key),
            "low_95": (bounds.get(key) or [None])[0],
            "high_95": (bounds.get(key) or [None])[-1],
            "usual_rates": usual.get(key),
            "their_floor": (usual.get("floor") or {}).get(key),
        }
        for key in KEYS
        if key in fidelity
    ]


def _count(sections: object) -> int | None:
    return len(sections) if isinstance(sections, Mapping) else None


def _seconds_per_neuron_ms(bundle: Bundle, events: int) -> float:
    """Step the engine; every row gets so many events in every bin."""
    engine = bundle.engine(ROWS)
    rng = np.random.default_rng(0)
    count = ROWS * events
    row = np.repeat(np.arange(ROWS, dtype=np.int32), events)
    channel = rng.integers(0, engine.channels, count, dtype=np.int32)
    low = np.array([c.weight_uS[0] for c in bundle.manifest.channels])
    part = rng.random(count)
    best = float("inf")
    for n in range(BINS):
        start = time.perf_counter()
        engine.step(float(n), row, channel, low[channel], n + part)
        best = min(best, time.perf_counter() - start)
    return best / ROWS
