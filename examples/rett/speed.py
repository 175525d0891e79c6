r"""What a network of the study costs in NEURON over what it costs replaced.

    python examples/rett/speed.py --out speed.json

`script.py` runs the same network in turns, each time in a new process with one thread:
in vectorised CoreNEURON and with surrogates. A run's cost is the CPU time of the
simulation, without set-up; the ratio is that of the medians. Beside it stands what the
replaced network is worth: its spikes, its rate, and the bundle's fidelity.
"""

import functools
import time
from pathlib import Path

import document
import network
import numpy as np
import script
from map import bundle_of

import ann_backend
from ann_backend.nrn import version
from ann_backend.train import build

FORMAT, VERSION = "rett speed", 1
FIDELITY = "auc", "f1_1ms", "f1_2ms", "f1_5ms"


class Watch:
    """CPU time of this process while it is entered."""

    def __enter__(self):
        """Begin."""
        self.seconds = -time.process_time()

    def __exit__(self, *_):
        """End."""
        self.seconds += time.process_time()


def timed(net, cell, backend, bundle):
    """CPU seconds of a simulation, its spikes and their digest; in its process."""
    ann_backend.use("auto", threads=1)
    watch = Watch()
    spikes = script.run(net, cell, backend=backend, bundle=bundle, watch=watch)
    return watch.seconds, len(spikes[1]), script.digest(*spikes)


def compute(a, bundle):
    """Run both backends in turns.

    Raises
    ------
    SystemExit
        If a repeat has other spikes than the first.
    """
    net, cell = script.drawn(a)
    sides = {"neuron": a.backend, "surrogate": "surrogate"}
    found = {side: [] for side in sides}
    for _ in range(a.repeats):
        for side, backend in sides.items():
            one = functools.partial(timed, backend=backend, bundle=a.bundle)
            found[side].append(build.apart(one, net, cell))
            seconds, spikes, digest = found[side][-1]
            print(f"{side}: {seconds:.3f} s, {spikes} spikes", flush=True)
            if digest != found[side][0][2]:
                raise SystemExit(
                    f"{side}: expected the spikes of the first repeat, got others; "
                    "report it"
                )
    rows = {side: summary(runs, a.cells) for side, runs in found.items()}
    ratio = rows["neuron"]["median_s"] / rows["surrogate"]["median_s"]
    fidelity = bundle.manifest.fidelity
    return {
        **rows,
        "ratio": ratio,
        "fidelity": {name: fidelity.get(name) for name in FIDELITY},
    }


def summary(runs, cells):
    """What is told of one side."""
    seconds, spikes, _ = zip(*runs, strict=True)
    return {
        "seconds": list(seconds),
        "median_s": float(np.median(seconds)),
        "rate_Hz": spikes[0] / cells / network.END_MS * 1000,
    }


def parsed(arguments=None):
    """Read the command line."""
    parser = script.parser_of(__doc__)
    parser.add_argument(
        "--backend", choices=("coreneuron", "neuron"), default="coreneuron"
    )
    parser.add_argument("--repeats", type=network.count, default=5)
    parser.add_argument("--out", required=True, help="JSON to write")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Time both and write the ratio."""
    a = parsed(arguments)
    document.folder(Path(a.out))
    bundle = bundle_of(a)
    a.bundle = a.bundle or a.cell
    settings = {
        **{k: v for k, v in vars(a).items() if k != "out"},
        "bundle_sha256": bundle.manifest.manifest_sha256,
        "neuron_version": version(),
        **document.constants(a.cell),
    }
    found = compute(a, bundle)
    document.write(Path(a.out), FORMAT, VERSION, settings, **found)
    print(f"NEURON / replaced: {found['ratio']:.0f}")


if __name__ == "__main__":
    main()
