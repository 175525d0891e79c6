r"""A cell that is not ours: Allen's Scnn1a 472363762, as bmtk's wheel ships it (BSD-3).

    pip install --no-deps bmtk==1.2.0
    python -m ann_backend train examples/scnn1a.py:CELL --hours 1 .8 --trial-s 10 2 \
        --epochs 24 --batch 16 --held-out 80

Two hours on two cores; README says how faithful that is. `CELL` is all that the
training line is told: how the cell is built, its mechanisms, and a channel for each
kind of synapse, here on each dendritic segment.
"""

import importlib.util
import json
from pathlib import Path

from ann_backend.nrn import h
from ann_backend.train import CellDescription, ChannelDescription

FOUND = importlib.util.find_spec("bmtk")
if FOUND is None:
    raise ImportError("expected bmtk, got none; pip install --no-deps bmtk==1.2.0")
HOME = Path(FOUND.origin).parent / "utils" / "scripts" / "bionet"
FIT = HOME / "biophysical_neuron_models" / "472363762_fit.json"


def build():
    """Morphology with an axon stub, and the channels of the fit; 3D points as given."""
    fit = json.loads(FIT.read_text())
    h.load_file("stdrun.hoc")
    h.load_file("import3d.hoc")
    h.load_file(str(HOME / "templates" / "Biophys1.hoc"))
    cell = h.Biophys1(str(HOME / "morphologies" / "Scnn1a_473845048_m.swc"))
    for section in list(cell.axon):
        h.delete_section(sec=section)
    h.execute("create axon[2]", cell)
    for section in cell.axon:
        section.L, section.diam = 30, 1
        cell.all.append(sec=section)
    cell.axon[0].connect(cell.soma[0], 0.5, 0)
    cell.axon[1].connect(cell.axon[0], 1, 0)
    h.define_shape()
    parameterise(cell, fit)
    return cell


def parameterise(cell, fit):
    passive = fit["passive"][0]
    cm = {entry["section"]: entry["cm"] for entry in passive["cm"]}
    for section in cell.all:
        kind = section.name().split(".")[1][:4]
        section.Ra, section.cm = passive["ra"], cm[kind]
        section.nseg = 1 + 2 * int(section.L / 40)
        section.insert("pas")
        for entry in fit["genome"]:
            if entry["section"] == kind:
                if entry["mechanism"]:
                    section.insert(entry["mechanism"])
                setattr(section, entry["name"], entry["value"])
        section.e_pas = passive["e_pas"]
        for erev in fit["conditions"][0]["erev"]:
            if erev["section"] == kind:
                section.ena, section.ek = erev["ena"], erev["ek"]


def kind(name, location, tau1, tau2, e, role, unit_uS, rate_Hz, tau_ms):
    """A channel of Exp2Syn on each dendritic segment."""
    return ChannelDescription(
        name=name,
        location=location,
        synapses=(("Exp2Syn", {"tau1": tau1, "tau2": tau2, "e": e}),),
        role=role,
        unit_uS=unit_uS,
        rate_Hz=rate_Hz,
        tau_ms=tau_ms,
    )


E_TAUS, I_TAUS = (0.2, 1.7, 8.0, 30.0), (0.5, 2.0, 8.0, 30.0)


def description():
    """Temperature, start and mechanisms as the fit has them."""
    fit = json.loads(FIT.read_text())
    conditions = fit["conditions"][0]
    # not all that lie there: CoreNEURON does not translate NaV.mod
    used = sorted({entry["mechanism"] for entry in fit["genome"]} - {""})
    return CellDescription(
        name="Scnn1a",
        template="scnn1a:build",
        mod_files=tuple(HOME / "mechanisms" / "modfiles" / f"{n}.mod" for n in used),
        v_init_mV=conditions["v_init"],
        celsius=conditions["celsius"],
        threshold_mV=-15.0,
        dt_ms=0.05,
        secondorder=2,
        channels=(
            kind("E", "dendrites", 0.2, 1.7, 0.0, "excitatory", 0.001, 8.0, E_TAUS),
            kind("I", "dendrites, soma", 0.5, 8, -75.0, "inhibitory", 0.001, 4, I_TAUS),
        ),
    )


CELL = description()
