"""The map of the Rett study: stability and response over connectivity and drive.

    python examples/rett/map.py --points 50 --graphs 3 --out map.json --plot map.png

Every network of a chunk is 150 rows of one engine run: `population`, `connect` and
`play` in place of cells, NetCons and queued events, with the spikes of `script.py` to
the last bit (`digest`). A chunk's results are written whole or not at all; run again,
the command goes on from the file. How many networks a chunk has changes no result.
"""

import argparse
import os
from pathlib import Path

import document
import network
import numpy as np
import script
from neuron import h
from tqdm import tqdm

import ann_backend

CONNECTIVITY = 0.01, 0.15  # first and last of an axis
DRIVE_HZ = 0.0, 1000.0  # in NEURON, 10 % at 500 Hz just becomes unstable
MARKS = (0.10, "-", "wild type"), (0.053, "--", "Rett"), (0.078, "--", "Rett")
FORMAT, VERSION = "rett map", 1
EVENT_BYTES, CONTACT_BYTES = 100, 150  # with what Python has of them meanwhile


def settings(a, bundle):
    """What a file's networks have in common: another value makes another map."""
    return {
        "bundle": bundle.manifest.name,
        "bundle_sha256": bundle.manifest.manifest_sha256,
        **{name: getattr(a, name) for name in ("cells", "points", "graphs", "seed")},
        "connectivity": list(CONNECTIVITY),
        "drive_Hz": list(DRIVE_HZ),
        **document.constants(a.cell),
    }


def axes_of(s):
    """Connectivities and drives (Hz) of a map's points."""
    return (np.linspace(*s[k], s["points"]) for k in ("connectivity", "drive_Hz"))


def networks(s):
    """All networks of a map, in order: connectivity, drive (Hz), seed."""
    p, drive = axes_of(s)
    found = [(a, b) for a in p for b in drive for _ in range(s["graphs"])]
    return [(float(a), float(b), s["seed"] + k) for k, (a, b) in enumerate(found)]


def channels(bundle, cell):
    """Channels of the bundle that a cell's places are.

    Raises
    ------
    ann_backend.CellError
        If it has none for a place.
    """
    where = {
        (synapse.mechanism, channel.location): index
        for index, channel in enumerate(bundle.manifest.channels)
        for synapse in channel.synapses
    }
    lacking = [place for place in cell.places if place not in where]
    if lacking:
        raise ann_backend.CellError(
            f"bundle '{bundle.manifest.name}': expected a channel for {lacking[0][0]} "
            f"at {lacking[0][1]}; train one for this cell, or give another --cell"
        )
    return np.array([where[place] for place in cell.places])


def run(nets, cell, bundle):
    """Run networks side by side.

    Parameters
    ----------
    nets : list of network.Network
    cell : network.Cell
    bundle : ann_backend.Bundle

    Returns
    -------
    list of (cell, t)
        Of each network what `script.run` returns.
    """
    script.set_up(cell)
    of_place, first = channels(bundle, cell), np.cumsum([0, *(n.cells for n in nets)])
    rows = ann_backend.population(bundle, int(first[-1]), gid=0)
    for net, gid in zip(nets, first, strict=False):
        ann_backend.connect(
            gid + net.pre,
            gid + net.post,
            of_place[net.site],
            net.weight,
            network.DELAY_MS,
            **network.PLASTICITY,
        )
        rows.play(gid + net.cell, of_place[net.place], net.weights, net.t)
    h.finitialize(cell.v_init_mV)
    h.continuerun(network.END_MS)
    who, when = rows.spikes
    net = np.searchsorted(first, who, "right") - 1
    return [
        script.ordered(who[net == k] - first[k], when[net == k])
        for k in range(len(nets))
    ]


def chunk_of(bundle, cells):
    """How many networks half of the free memory holds; an estimate."""
    s = bundle.manifest.sizes
    kept = s.taps * s.groups * s.kernels + 2 * s.layers * s.hidden
    kept += s.branches * (s.units * 4 + 4)
    rate = network.EXCITATION_HZ + DRIVE_HZ[1]
    events = rate * network.END_MS / 1000 + network.STIMULUS_CONTACTS
    contacts = CONNECTIVITY[1] * cells * network.SITES
    row = 8 * kept + EVENT_BYTES * events + CONTACT_BYTES * contacts
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, int(free / 2 / row / cells))


def compute(a, bundle):
    """Run what the file lacks; settings and results."""
    cell, path, s = network.SHIPPED[a.cell], Path(a.out), settings(a, bundle)
    done = document.begun(path, FORMAT, VERSION, s).get("networks", [])
    every = networks(s)
    size = a.chunk or chunk_of(bundle, a.cells)
    bar = tqdm(total=len(every), initial=len(done), unit="network", disable=None)
    while len(done) < len(every):
        these = every[len(done) : len(done) + size]
        nets = [network.draw(*one, cell=cell, cells=a.cells) for one in these]
        for one, spikes in zip(these, run(nets, cell, bundle), strict=True):
            found = dict(zip(("connectivity", "drive_Hz", "seed"), one, strict=True))
            found |= network.readouts(*spikes, a.cells)
            done.append({**found, "digest": script.digest(*spikes)})
        document.write(path, FORMAT, VERSION, s, networks=done)
        bar.update(len(these))
    bar.close()
    return s, done


def plot(s, done, path):
    """Draw both read-outs, means over the graphs of a point."""
    from matplotlib.figure import Figure

    shape = s["points"], s["points"], s["graphs"]
    p_axis, drive = axes_of(s)
    figure = Figure(figsize=(10, 4.8), dpi=130, layout="constrained")
    titles = ("stable before the stimulus", "cells that answer within 10 ms")
    sides = figure.subplots(1, 2, sharey=True)
    for axes, name, title in zip(sides, ("stable", "response"), titles, strict=True):
        mean = np.array([n[name] for n in done], float).reshape(shape).mean(2)
        image = axes.pcolormesh(100 * p_axis, drive, mean.T, vmin=0, vmax=1)
        lines = [
            axes.axvline(100 * p, c="#d95f02", ls=style, label=label)
            for p, style, label in MARKS
        ]
        axes.set_xlabel("connectivity (%)")
        axes.set_title(title, loc="left", size=11)
        axes.spines[["top", "right"]].set_visible(False)
    sides[0].set_ylabel("inhibition of a cell (Hz)")
    figure.colorbar(image, ax=sides, label="fraction, mean of the graphs")
    figure.legend(handles=lines[:2], loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path)


def parsed(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=network.count, default=50, help="of each axis")
    parser.add_argument(
        "--graphs", type=network.count, default=3, help="networks of a point"
    )
    parser.add_argument("--cells", type=network.count, default=network.CELLS)
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--cell", choices=network.SHIPPED, default="L5PC")
    parser.add_argument("--bundle", help="name or path; the cell's own by default")
    parser.add_argument("--chunk", type=network.count, help="networks at a time")
    parser.add_argument("--threads", type=network.count, default=os.cpu_count())
    parser.add_argument("--out", required=True, help="JSON to write or to go on from")
    parser.add_argument("--plot", help="PNG to write")
    return parser.parse_args(arguments)


def bundle_of(a):
    """Find the bundle that a command line names.

    Raises
    ------
    SystemExit
        If there is none.
    """
    try:
        return ann_backend.run.catalogue.find(a.bundle or a.cell)
    except ann_backend.BundleError as error:
        raise SystemExit(str(error)) from None


def main(arguments=None):
    """Compute the map, or what is left of it, and draw it."""
    a = parsed(arguments)
    ann_backend.use("auto", threads=a.threads)
    bundle = bundle_of(a)
    document.folder(Path(a.out))
    found = compute(a, bundle)
    if a.plot:
        plot(*found, a.plot)


if __name__ == "__main__":
    main()
