"""A model directory that you download: the L5b pyramidal cell of Hay et al. (2011).

ModelDB 139653, unpacked anywhere; its files stay as they are:

    HAY2011=path/to/L5bPCmodelsEH python -m ann_backend train examples/hay2011.py:CELL

Then, in your script, the same template gives the cell that the bundle replaces:

    cell = ann_backend.replace(h.L5PCtemplate, morphology, bundle="Hay2011.safetensors")
"""

import dataclasses
import os
from pathlib import Path

from ann_backend.nrn import h
from ann_backend.train.cell import SHIPPED

HOME = Path(os.environ.get("HAY2011", "L5bPCmodelsEH"))
MORPHOLOGY = str(HOME / "morphologies" / "cell1.asc")


def build():
    """The authors' own template, on their first morphology."""
    h.load_file("import3d.hoc")
    for name in ("L5PCbiophys3.hoc", "L5PCtemplate.hoc"):
        h.load_file(str(HOME / "models" / name))
    return h.L5PCtemplate(MORPHOLOGY)


# the kinds of synapse of L5PC on each of its dendritic segments
CELL = dataclasses.replace(
    SHIPPED["L5PC"],
    name="Hay2011",
    template="hay2011:build",
    hoc_file=None,
    # epsp.mod is a stimulus of the authors' figures, no part of the cell
    mod_files=tuple(f for f in sorted(HOME.glob("mod/*.mod")) if f.stem != "epsp"),
    v_init_mV=-80.0,
)
