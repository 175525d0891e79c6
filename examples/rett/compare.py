r"""The Rett map beside NEURON: stability, response, rates, CV, correlation, PSTH.

    python examples/rett/compare.py neuron --out spikes.json
    python examples/rett/compare.py surrogate --neuron spikes.json \
        --out compare.json --plot compare.png

The first command runs hours of NEURON (`boundary.py`); the second runs the same graphs
and backgrounds as the map does, and compares the points that are finished by then. Each
goes on from its file. The surrogate is held against the networks at half the step: at
the whole step NEURON's second order rings under volleys of hundreds of nS. Beside it
stands NEURON's own floor: the same measures of NEURON at the whole step, twice that of
the reference, and with another background, too. In open loop the surrogates hear the
spikes of NEURON's cells in place of each other's: what is off there is the cell's own,
the rest is what the network makes of it.

An error is that of all points together: the sum of what a statistic is off, over the
sum of what it is in NEURON. A point at which one of the two has no CV, its cells fewer
than four spikes each, is left out of that one; with no point left the error is 1.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

import boundary
import document
import figure
import map as rett_map
import network
import numpy as np
import open_loop
import script
from tqdm import tqdm

import ann_backend
from ann_backend.train.shard import RINGING_MS

FORMAT, VERSION = "rett comparison", 3
COUNT_MS, PSTH_MS = 10, 5
POINT = "connectivity", "drive_Hz", "seed"
CV_SPIKES = 4  # of a cell, or more
# NEURON's side, and its floor: the variants of `boundary` that they are
VARIANT = {"neuron": "half", "double": "neuron", "other": "other"}
OURS = "surrogate", "open_loop"
SIDES = *OURS, "double", "other"
# error: its statistic
ERRORS = {
    "rate_error": "rate_Hz",
    "cv_error": "cv",
    "correlation_error": "correlation",
    "baseline_error": "baseline_Hz",
    "response_error": "response",
    "psth_error": "psth_Hz",
}
AGREEMENT = 0.95  # of NEURON's with itself at twice the step
BARS = {"rate_error": 0.05, "cv_error": 0.1, "correlation_error": 0.1}  # or NEURON's


def statistics(cell, t, cells):
    """What is compared of a network.

    Parameters
    ----------
    cell, t : array, shape (S,)
        Who fired, and when (ms). Of crossings within `RINGING_MS` the first counts.
    cells : int

    Returns
    -------
    dict
        The read-outs of the study; ``rate_Hz``, the cells' mean rate; ``cv`` of the
        interspike intervals, mean of the cells with four spikes or more, or None;
        ``correlation`` of spike counts in 10 ms, mean of the pairs of cells that fire;
        ``psth_Hz``, the cells' mean rate in steps of 5 ms.
    """
    trains = trains_of(cell, t, cells)
    cell = np.repeat(np.arange(cells), [len(train) for train in trains])
    t = np.concatenate(trains)
    gaps = [np.diff(train) for train in trains if len(train) >= CV_SPIKES]
    edges = np.arange(0, network.END_MS + COUNT_MS, COUNT_MS)
    counts = np.histogram2d(cell, t, (np.arange(cells + 1), edges))[0]
    steps = np.arange(0, network.END_MS + PSTH_MS, PSTH_MS)
    return {
        **network.readouts(cell, t, cells),
        "rate_Hz": len(t) / cells / network.END_MS * 1000,
        "cv": float(np.mean([g.std() / g.mean() for g in gaps])) if gaps else None,
        "correlation": correlation(counts),
        "psth_Hz": (np.histogram(t, steps)[0] / cells / PSTH_MS * 1000).tolist(),
    }


def trains_of(cell, t, cells):
    """Spike times of each cell (ms); of crossings within `RINGING_MS` the first."""
    order = np.lexsort((t, cell))
    cell, t = cell[order], t[order]
    same = np.diff(cell, prepend=-1) == 0
    rings = same & (np.diff(t, prepend=-np.inf) <= RINGING_MS)
    cell, t = cell[~rings], t[~rings]
    return np.split(t, np.searchsorted(cell, np.arange(1, cells)))


def correlation(counts):
    """Pearson's r of the rows, mean of all pairs of those that vary."""
    varying = counts[counts.std(1) > 0]
    if len(varying) < 2:
        return 0.0
    return float(np.corrcoef(varying)[np.triu_indices(len(varying), 1)].mean())


def having(points, name, *sides):
    """Points at which NEURON and these sides have a statistic."""
    every = "neuron", *sides
    return [p for p in points if all(p[side][name] is not None for side in every)]


def off(points, side, name):
    """How far a statistic is off at each point, and what it is in NEURON; (P,) each."""
    pairs = [(p["neuron"][name], p[side][name]) for p in points]
    miss = [np.abs(np.subtract(found, true)).sum() for true, found in pairs]
    return np.array(miss), np.array([np.abs(true).sum() for true, _ in pairs])


def measures(points, side):
    """Agreement and errors of one side, over all points."""
    same = [p[side]["stable"] == p["neuron"]["stable"] for p in points]
    found = {"agreement": float(np.mean(same))}
    for error, name in ERRORS.items():
        these = having(points, name, side)
        miss, size = (float(x.sum()) for x in off(these, side, name))
        found[error] = miss / size if size else float(miss > 0 or not these)
    return found


def within(points, error):
    """Share of the points measured where a bar holds, or `double` is as far off."""
    these = having(points, ERRORS[error], "surrogate", "double")
    miss, size = off(these, "surrogate", ERRORS[error])
    own, _ = off(these, "double", ERRORS[error])
    held = miss <= np.maximum(BARS[error] * size, own)
    return float(held.mean()) if these else 0.0


def compared(points):
    """All measures, NEURON's floor, and which bars hold.

    Parameters
    ----------
    points : list of dict
        Statistics of ``neuron`` and of each of `SIDES` at a point.

    Returns
    -------
    dict
        The surrogate's `measures`; ``open_loop``, the same of it there; ``floor``, of
        ``double`` and ``other``; ``within``, the share of points at which a bar holds;
        ``met``, whether it holds for all together. Where a bar is NEURON's own error,
        that is ``double``'s.
    """
    found, alone, double, other = (measures(points, side) for side in SIDES)
    met = {"agreement": found["agreement"] >= AGREEMENT * double["agreement"]}
    return {
        **found,
        "open_loop": alone,
        "floor": {"double": double, "other": other},
        "within": {error: within(points, error) for error in BARS},
        "met": met | {e: found[e] <= max(bar, double[e]) for e, bar in BARS.items()},
    }


def in_neuron(s, spikes):
    """Points all of whose variants are there, and these variants' statistics."""
    stable = boundary.stability(s, spikes)
    found = {}
    for point in boundary.points(s, stable, len(stable)):
        runs = {side: spikes.get((point[2], v)) for side, v in VARIANT.items()}
        if None not in runs.values():
            found[point] = {k: statistics(*r, s["cells"]) for k, r in runs.items()}
    return found


def compute(a, bundle):
    """Run what the file lacks on the surrogate, and compare; the file's results.

    Raises
    ------
    SystemExit
        If no point is finished in NEURON.
    """
    s, spikes, made_by = boundary.load(Path(a.neuron), a.cell)
    ours = in_neuron(s, spikes)
    if not ours:
        raise SystemExit(f"{a.neuron}: expected a finished point; let NEURON run on")
    sha = bundle.manifest.manifest_sha256
    s = {**s, "bundle": bundle.manifest.name, "bundle_sha256": sha}
    found = document.begun(Path(a.out), FORMAT, VERSION, s)
    done = {
        tuple(p[k] for k in POINT): {side: p[side] for side in OURS}
        for p in found.get("points", [])
    }
    todo = [point for point in ours if point not in done]
    size = a.chunk or rett_map.chunk_of(bundle, s["cells"])
    for start in tqdm(range(0, len(todo), size), unit="chunk", disable=None):
        these = todo[start : start + size]
        done.update(zip(these, on_surrogate(these, s, bundle, spikes), strict=True))
        write(a, s, made_by, ours, done)
    return write(a, s, made_by, ours, done)


def on_surrogate(these, s, bundle, spikes):
    """Statistics of points, as rows of one engine run, and again in open loop."""
    nets = [boundary.drawn(point, "neuron", s)[0] for point in these]
    theirs = [spikes[seed, VARIANT["neuron"]] for *_, seed in these]
    each = zip(nets, theirs, strict=True)
    fed = [open_loop.opened(net, trains_of(*train, s["cells"])) for net, train in each]
    cell = network.SHIPPED[s["cell"]]
    runs = zip(*(rett_map.run(n, cell, bundle) for n in (nets, fed)), strict=True)
    return [
        {k: statistics(*r, s["cells"]) for k, r in zip(OURS, pair, strict=True)}
        for pair in runs
    ]


def write(a, s, made_by, ours, done):
    """Compare the points that are done, and write the file."""
    points = [
        {
            **dict(zip(POINT, point, strict=True)),
            **ours[point],
            **done[point],
        }
        for point in ours
        if point in done
    ]
    commands = {"neuron": made_by, "surrogate": a.command}
    results = {"commands": commands, **compared(points), "points": points}
    document.write(Path(a.out), FORMAT, VERSION, s, **results)
    return results


def told(results):
    """Print the measures, beside NEURON's floor."""
    double, other = results["floor"].values()
    print(
        f"{len(results['points'])} points {'surrogate':>17} {'open loop':>9} "
        f"{'2 dt':>9} {'other background':>17}"
    )
    for name in ("agreement", *ERRORS):
        bar = {True: "  met", False: "  MISSED"}.get(results["met"].get(name), "")
        print(
            f"{name:20} {results[name]:9.3f} {results['open_loop'][name]:9.3f} "
            f"{double[name]:9.3f} {other[name]:17.3f}{bar}"
        )


def parsed(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    stages = parser.add_subparsers(dest="stage", required=True)
    neuron = stages.add_parser("neuron", help="run the networks in NEURON")
    neuron.add_argument("--cells", type=network.count, default=network.CELLS)
    neuron.add_argument("--seed", type=int, default=0, help="of the first point")
    neuron.add_argument("--halvings", type=network.count, default=6)
    neuron.add_argument("--backend", choices=script.BACKENDS[:2], default="coreneuron")
    neuron.add_argument("--processes", type=network.count, default=os.cpu_count())
    surrogate = stages.add_parser("surrogate", help="run the surrogate, and compare")
    surrogate.add_argument("--neuron", required=True, help="the first command's file")
    surrogate.add_argument("--bundle", help="name or path; the cell's own by default")
    surrogate.add_argument("--chunk", type=network.count, help="networks at a time")
    surrogate.add_argument("--threads", type=network.count, default=os.cpu_count())
    surrogate.add_argument("--plot", help="PNG to write")
    for stage in (neuron, surrogate):
        stage.add_argument("--cell", choices=network.SHIPPED, default="L5PC")
        stage.add_argument(
            "--out", required=True, help="JSON to write or to go on from"
        )
    a = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    a.command = shlex.join(["python", "examples/rett/compare.py", *given])
    return a


def main(arguments=None):
    """Run a stage, or what is left of it."""
    a = parsed(arguments)
    document.folder(Path(a.out))
    if a.stage == "neuron":
        boundary.compute(a)
        return
    ann_backend.use("auto", threads=a.threads)
    results = compute(a, rett_map.bundle_of(a))
    told(results)
    if a.plot:
        figure.draw(results, a.plot)


if __name__ == "__main__":
    main()
