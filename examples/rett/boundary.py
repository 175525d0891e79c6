"""Networks of the Rett map in NEURON, at points that lie dense where stability ends.

Before `compare.py`, whose first command this is. The points halve the drive along each
connectivity: the first lies in the middle of the axis, and every next one in the middle
of what is left, higher where the last network was unstable, lower where it was stable.
With six halvings half of a column's points are within 63 Hz of its boundary, and the
last is as near as a pixel of the map. A point is one graph with a seed of its own, in
three variants: as the map has it, which says where the next point is, at half the step,
which `compare` takes for the reference, and with another background.

Each network runs in a process of its own. Its spikes are written when it has finished,
and which networks are next depends on those alone: a killed run goes on to the same
spikes, with any number of processes; more halvings go on from fewer.
"""

import functools
import multiprocessing
import multiprocessing.connection
from dataclasses import replace
from pathlib import Path

import document
import network
import numpy as np
import script
from map import DRIVE_HZ
from tqdm import tqdm

from ann_backend.nrn import version
from ann_backend.train import build

# with the wild type's (10 %) and those of Rett syndrome (7.8 and 5.3 %)
CONNECTIVITY = 0.02, 0.035, 0.045, 0.053, 0.065, 0.078, 0.09, 0.10, 0.115, 0.13, 0.15
VARIANTS = "neuron", "half", "other"
FORMAT, VERSION = "rett reference", 1
SPAWN = multiprocessing.get_context("spawn")


def settings(a):
    """What a file's networks have in common: another value makes other points."""
    return {
        "backend": a.backend,
        "neuron": version(),
        **{name: getattr(a, name) for name in ("cell", "cells", "seed")},
        "connectivity": list(CONNECTIVITY),
        "drive_Hz": list(DRIVE_HZ),
        **document.constants(a.cell),
    }


def points(s, stable, halvings):
    """Points that are known so far, those of fewer halvings first.

    Parameters
    ----------
    s : dict
        Settings.
    stable : dict of int to bool
        Of finished networks in NEURON, by seed.
    halvings : int
        Points of a connectivity.

    Returns
    -------
    list of (float, float, int)
        Connectivity, drive (Hz), seed.
    """
    columns, found = s["connectivity"], []
    for column, p in enumerate(columns):
        low, high = s["drive_Hz"]
        for step in range(halvings):
            seed = s["seed"] + step * len(columns) + column
            drive = (low + high) / 2
            found.append((p, drive, seed))
            if seed not in stable:
                break
            low, high = (low, drive) if stable[seed] else (drive, high)
    return sorted(found, key=lambda point: point[2])


def drawn(point, variant, s):
    """Network and cell of one variant of a point."""
    p, drive, seed = point
    cell = network.SHIPPED[s["cell"]]
    background = (seed, 1) if variant == "other" else None
    net = network.draw(
        p, drive, seed, cell=cell, cells=s["cells"], background=background
    )
    return net, replace(cell, dt_ms=cell.dt_ms / 2) if variant == "half" else cell


def stability(s, done):
    """Whether the finished networks in NEURON are stable, by seed."""
    return {
        seed: network.readouts(*spikes, s["cells"])["stable"]
        for (seed, variant), spikes in done.items()
        if variant == "neuron"
    }


def wanted(s, done, halvings):
    """Points and variants to run that are known so far, whole points first."""
    every = points(s, stability(s, done), halvings)
    each = [(point, variant) for point in every for variant in VARIANTS]
    return [one for one in each if (one[0][2], one[1]) not in done]


def spikes_of(found):
    """Spikes of a file's networks, by seed and variant."""
    return {
        (n["seed"], n["variant"]): (np.array(n["cell"], int), np.array(n["t"], float))
        for n in found.get("networks", [])
    }


def load(path, cell):
    """Read a file for a comparison: settings, spikes, the command that made it.

    Raises
    ------
    SystemExit
        If there is none, or it was made with another cell or other constants.
    """
    if not path.exists():
        raise SystemExit(f"{path}: expected the file of 'compare.py neuron'; run it")
    now = {"cell": cell, **document.constants(cell)}
    found = document.begun(path, FORMAT, VERSION, now)
    return found["settings"], spikes_of(found), found["command"]


def save(a, s, done):
    """Write all spikes, in an order that tells nothing of how they were computed."""
    order = sorted(done, key=lambda key: (key[0], VARIANTS.index(key[1])))
    networks = [
        {"seed": seed, "variant": variant, "cell": cell.tolist(), "t": t.tolist()}
        for seed, variant in order
        for cell, t in [done[seed, variant]]
    ]
    results = {"command": a.command, "networks": networks}
    document.write(Path(a.out), FORMAT, VERSION, s, **results)


def compile_once(s):
    """Compile the mechanisms, so that no two processes do."""
    fast = s["backend"] == "coreneuron"
    build.apart(functools.partial(script.set_up, fast=fast), network.SHIPPED[s["cell"]])


def started(net, cell, backend):
    """Begin a network in a process of its own; the pipe that its spikes come by."""
    receive, send = SPAWN.Pipe(duplex=False)
    SPAWN.Process(target=sent, args=(send, net, cell, backend), daemon=True).start()
    send.close()  # so that a process that dies is noticed
    return receive


def sent(pipe, net, cell, backend):
    """Run a network and send its spikes; in its process."""
    pipe.send(script.run(net, cell, backend=backend))


def received(pipe):
    """Spikes of a network that has ended, to a millionth of a ms.

    Raises
    ------
    SystemExit
        If it ended without them.
    """
    try:
        cell, t = pipe.recv()
    except EOFError:
        raise SystemExit(
            "expected a network's spikes, but its process ended: its error is above, "
            "or memory was short; run the command again, with fewer --processes"
        ) from None
    return cell, np.round(t, 6)


def compute(a):
    """Run what the file lacks; settings, and spikes by seed and variant."""
    s = settings(a)
    done = spikes_of(document.begun(Path(a.out), FORMAT, VERSION, s))
    if not wanted(s, done, a.halvings):
        return s, done
    compile_once(s)
    total = len(VARIANTS) * len(CONNECTIVITY) * a.halvings
    # for hours, and most often where there is no terminal
    bar = tqdm(total=total, initial=len(done), unit="network", mininterval=10)
    running = {}
    while True:
        jobs = [j for j in wanted(s, done, a.halvings) if j not in running.values()]
        for job in jobs[: a.processes - len(running)]:
            running[started(*drawn(*job, s), a.backend)] = job
        if not running:
            break
        for one in multiprocessing.connection.wait(running):
            (_, _, seed), variant = running.pop(one)
            done[seed, variant] = received(one)
            save(a, s, done)
            bar.update()
    bar.close()
    return s, done
