"""The L5PC's mechanisms as channels of Jaxley: currents, and calcium.

Gates and calcium advance as NEURON's cnexp does, exactly for what stands still in a
step. Their kinetics are in `rates`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxley.channels import Channel

from . import rates

FILL = 0.05182134828  # 1e4 / (2 F): from mA/cm2 over um to mM/ms
NERNST_mV = 1e3 * 8.314462618 * (273.15 + 34.0) / (2 * 96485.33212)  # at 34 degC
SHARED = {"ena", "ek", "cao"}  # parameters of the compartment, not of one channel


class Current(NamedTuple):
    """A current g x (product of gates) x (v - reversal).

    Attributes
    ----------
    g, reversal : str
        Parameters, by their names in NEURON; "eca" is Nernst's.
    powers : dict
        Of each gate.
    gates : callable
        One of `rates`.
    """

    g: str
    reversal: str
    powers: dict[str, int]
    gates: Callable[[Any], rates.Gates]


CURRENTS = {
    "pas": Current("g", "e", {}, rates.none),
    "ann_Ih": Current("gbar", "eh", {"m": 1}, rates.ih),
    "ann_Im": Current("gbar", "ek", {"m": 1}, rates.im),
    "ann_CaHVA": Current("gbar", "eca", {"m": 2, "h": 1}, rates.ca_hva),
    "ann_CaLVA": Current("gbar", "eca", {"m": 2, "h": 1}, rates.ca_lva),
    "ann_KP": Current("gbar", "ek", {"m": 2, "h": 1}, rates.kp),
    "ann_KT": Current("gbar", "ek", {"m": 4, "h": 1}, rates.kt),
    "ann_Kv31": Current("gbar", "ek", {"m": 1}, rates.kv31),
    "ann_NaP": Current("gbar", "ena", {"m": 3, "h": 1}, rates.nap),
    "ann_NaT": Current("gbar", "ena", {"m": 3, "h": 1}, rates.nat),
    "ann_SK": Current("gbar", "ek", {"z": 1}, rates.sk),
}


class Mechanism(Channel):  # type: ignore[misc]
    """One of `CURRENTS`, by its name in NEURON."""

    def __init__(self, name: str) -> None:
        self.current_is_in_mA_per_cm2 = True
        super().__init__(name)
        self.of = CURRENTS[name]
        calcium = self.of.reversal == "eca"
        parameters = [self.of.g, "cao" if calcium else self.of.reversal]
        parameters += ["shift"] if name == "ann_NaT" else []
        self.channel_params = {self._key(p): 0.0 for p in parameters}
        self.channel_states = {self._key(gate): 0.0 for gate in self.of.powers}
        if calcium or name == "ann_SK":
            self.channel_states["cai"] = 1e-4  # ann_CaDyn's rest
        self.current_name = "i_Ca" if calcium else f"i_{name}"

    def _key(self, name: str) -> str:
        return name if name in SHARED else f"{self._name}_{name}"

    def _gates(self, states: Any, v: Any, params: Any) -> dict[str, tuple[Any, Any]]:
        shifted = v - params.get(self._key("shift"), 0.0)
        found = self.of.gates(states["cai"] if self._name == "ann_SK" else shifted)
        return dict(zip(map(self._key, self.of.powers), found, strict=True))

    def init_state(self, states: Any, v: Any, params: Any, _dt: Any) -> Any:
        """Steady states."""
        return {name: x for name, (x, _) in self._gates(states, v, params).items()}

    def update_states(self, states: Any, dt: Any, v: Any, params: Any) -> Any:
        """One step of every gate."""
        return {
            name: x + (states[name] - x) * jnp.exp(-dt * rate)
            for name, (x, rate) in self._gates(states, v, params).items()
        }

    def compute_current(self, states: Any, v: Any, params: Any) -> Any:
        """In mA/cm2."""
        g = params[self._key(self.of.g)]
        for gate, power in self.of.powers.items():
            g = g * states[self._key(gate)] ** power
        if self.of.reversal == "eca":
            return g * (v - NERNST_mV * jnp.log(params["cao"] / states["cai"]))
        return g * (v - params[self._key(self.of.reversal)])


class Calcium(Channel):  # type: ignore[misc]
    """Calcium below the membrane: mod/ann_CaDyn.mod."""

    def __init__(self) -> None:
        self.current_is_in_mA_per_cm2 = True
        super().__init__("ann_CaDyn")
        names = "gamma", "decay", "depth", "rest"
        self.channel_params = {f"ann_CaDyn_{p}": 0.0 for p in names}
        self.channel_states = {"cai": 1e-4, "i_Ca": 0.0}
        self.current_name = "i_ann_CaDyn"

    def update_states(self, states: Any, dt: Any, _v: Any, params: Any) -> Any:
        """One step, exact for a current that stands still."""
        p = {k.removeprefix("ann_CaDyn_"): x for k, x in params.items()}
        fill = FILL * p["gamma"] * states["i_Ca"] / p["depth"]
        ca = p["rest"] - fill * p["decay"]
        return {"cai": ca + (states["cai"] - ca) * jnp.exp(-dt / p["decay"])}

    def compute_current(self, _states: Any, v: Any, _params: Any) -> Any:
        """None: others carry it."""
        return jnp.zeros_like(v)
