"""Random networks that do what no script should: each seed is one, run in a child.

The fan-out and NEURON's queue must give one result, to the last bit: no spike and no
event lost or doubled. Kinds, by seed: weights of 0, below 0 and 1e6 with delays of 0 to
100 ms; NetCons, sources and synapses made, cut, moved or deleted; callbacks that raise;
weights and delays that cannot be; rows and arrays beside cells and NetCons.

``python fuzz.py FIRST LAST`` runs these seeds, a line of JSON each.
"""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

CHUNK, HUNG_S = 10, 600
TESTS = Path(__file__).parents[1]
CHILD = [sys.executable, __file__]


def fuzz(cases: int, seed: int) -> dict:
    """Run `cases` seeds from `seed` on, ten a child; a crash ends a child, not this."""
    found, failures, at, last = Counter(), [], seed, seed + cases
    sums = Counter()
    while at < last:
        stop = min(at + CHUNK, last)
        done, why = _child(at, stop)
        for case in done:
            found[case["kind"]] += 1
            sums.update(case["counts"])
            if case["why"]:
                failures.append({**case, "repeat": _repeat(at, case["seed"])})
        begun = at + len(done)
        if why:
            failures.append({"seed": begun, "why": why, "repeat": _repeat(at, begun)})
        at = begun + 1 if why else stop
        print(f"fuzz: {at - seed} of {cases}, {len(failures)} failed", flush=True)
        for failure in failures[-1:]:
            print(f"  {failure['why']}: {failure['repeat']}", flush=True)
    return {
        "passed": not failures,
        "cases": cases,
        "seeds": [seed, last - 1],
        "kinds": dict(found),
        **sums,
        "failures": failures,
    }


def _child(first: int, stop: int) -> tuple[list[dict], str]:
    """Results of seeds, and why the next one gave none (empty: all did)."""
    command = [*CHILD, str(first), str(stop)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=HUNG_S)
        out, code, said = ended.stdout, ended.returncode, ended.stderr
    except subprocess.TimeoutExpired as hung:
        out, code, said = (hung.stdout or b"").decode(), None, ""
    done = [json.loads(x) for x in re.findall(r'\{"seed".*', out)]  # NEURON prints, too
    if len(done) == stop - first and code == 0:
        return done, ""
    if code is None:
        return done, f"no end within {HUNG_S} s"
    return done, f"the child ended with {code}: {said[-300:]}"


def _repeat(first: int, seed: int) -> str:
    return f"python tests/slow/fuzz.py {first} {seed + 1}"


# ---- one seed, in the child


def case(seed: int) -> dict:
    """Run one seed; an empty `why` is a pass."""
    from slow import kinds

    name, run = list(kinds.KINDS.items())[seed % len(kinds.KINDS)]
    began = time.perf_counter()
    try:
        counts, why = run(seed), ""
    except AssertionError as error:
        counts, why = {}, str(error) or "a difference"
    except Exception as error:
        counts, why = {}, f"{type(error).__name__}: {error}"[:400]
        kinds.clear()
    gc.collect()
    seconds = round(time.perf_counter() - began, 2)
    return {"seed": seed, "kind": name, "counts": counts, "why": why, "s": seconds}


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    warnings.simplefilter("ignore")
    for one in range(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case(one)), flush=True)
