"""The L5PC's mechanisms as channels of Jaxley: the equations of mod/ann_*.mod.

Gates advance as NEURON's cnexp does, exactly for a voltage that stands still. Sources of
the kinetics are named in the .mod files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxley.channels import Channel

Q = 2.3**1.3  # 21 to 34 degC
FILL = 0.05182134828  # 1e4 / (2 F): from mA/cm2 over um to mM/ms
NERNST_mV = 1e3 * 8.314462618 * (273.15 + 34.0) / (2 * 96485.33212)  # at 34 degC


class Gated(NamedTuple):
    """A current g x (product of gates) x (v - reversal).

    Attributes
    ----------
    g, reversal : str
        Parameters, by the names that `Mechanism` gives them; "eca" is Nernst's.
    powers : dict
        Of each gate.
    rates : callable
        Voltage, the mechanism's parameters, calcium -> of each gate its steady state
        and the inverse of its time constant, /ms.
    more : tuple of str
        Further parameters.
    """

    g: str
    reversal: str
    powers: dict[str, int]
    rates: Callable[[Any, dict[str, Any], Any], list[tuple[Any, Any]]]
    more: tuple[str, ...] = ()


def _over(x: Any, k: float) -> Any:
    """x / (exp(x / k) - 1), with its limit at 0."""
    near = jnp.abs(x) < 1e-4
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, k, safe / jnp.expm1(safe / k))


def _ab(a: Any, b: Any) -> tuple[Any, Any]:
    return a / (a + b), a + b


def _rise(v: Any, half: float, slope: float) -> Any:
    return 1.0 / (1.0 + jnp.exp(-(v - half) / slope))


def _ih(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    return [_ab(0.00643 * _over(v + 154.9, 11.9), 0.193 * jnp.exp(v / 33.1))]


def _im(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    e = jnp.exp(0.1 * (v + 35.0))
    return [_ab(Q * 0.0033 * e, Q * 0.0033 / e)]


def _ca_hva(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    m = 0.055 * _over(-27.0 - v, 3.8), 0.94 * jnp.exp((-75.0 - v) / 17.0)
    h = 0.000457 * jnp.exp((-13.0 - v) / 50.0), 0.0065 * _rise(v, -15.0, 28.0)
    return [_ab(*m), _ab(*h)]


def _ca_lva(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    m = _rise(v, -40.0, 6.0), Q / (5.0 + 20.0 * _rise(v, -35.0, -5.0))
    h = _rise(v, -90.0, -6.4), Q / (20.0 + 50.0 * _rise(v, -50.0, -7.0))
    return [m, h]


def _kp(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    x = jnp.exp(-0.026 * (v + 10.0))
    tau = 1.25 + jnp.where(v < -60.0, 175.03 / x, 13.0 * x)
    bell = jnp.exp(-(((v + 85.0) / 48.0) ** 2))
    m = _rise(v, -11.0, 12.0), Q / tau
    h = _rise(v, -64.0, -11.0), Q / (360.0 + (1010.0 + 24.0 * (v + 65.0)) * bell)
    return [m, h]


def _kt(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    m = Q / (0.34 + 0.92 * jnp.exp(-(((v + 81.0) / 59.0) ** 2)))
    h = Q / (8.0 + 49.0 * jnp.exp(-(((v + 83.0) / 23.0) ** 2)))
    return [(_rise(v, -10.0, 19.0), m), (_rise(v, -76.0, -10.0), h)]


def _kv31(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    rate = 0.25 * (1.0 + jnp.exp(-(v + 46.56) / 44.14))
    return [(_rise(v, 18.7, 9.7), rate)]


def _nap(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    m = Q / 6.0 * (0.182 * _over(-v - 38.0, 6.0) + 0.124 * _over(v + 38.0, 6.0))
    h = Q * (2.88e-6 * _over(v + 17.0, 4.63) + 6.94e-6 * _over(-v - 64.4, 2.63))
    return [(_rise(v, -52.6, 4.6), m), (_rise(v, -48.8, -10.0), h)]


def _nat(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    u = v - p["shift"]
    m = Q * 0.182 * _over(-u - 38.0, 6.0), Q * 0.124 * _over(u + 38.0, 6.0)
    h = Q * 0.015 * _over(u + 66.0, 6.0), Q * 0.015 * _over(-u - 66.0, 6.0)
    return [_ab(*m), _ab(*h)]


def _sk(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    x = (ca / 0.00043) ** 4.8
    return [(x / (1.0 + x), 1.0)]


def _none(v: Any, p: Any, ca: Any) -> list[tuple[Any, Any]]:
    return []


MH = {"m": 3, "h": 1}
KINETICS = {
    "pas": Gated("g", "e", {}, _none),
    "ann_Ih": Gated("gbar", "eh", {"m": 1}, _ih),
    "ann_Im": Gated("gbar", "ek", {"m": 1}, _im),
    "ann_CaHVA": Gated("gbar", "eca", {"m": 2, "h": 1}, _ca_hva),
    "ann_CaLVA": Gated("gbar", "eca", {"m": 2, "h": 1}, _ca_lva),
    "ann_KP": Gated("gbar", "ek", {"m": 2, "h": 1}, _kp),
    "ann_KT": Gated("gbar", "ek", {"m": 4, "h": 1}, _kt),
    "ann_Kv31": Gated("gbar", "ek", {"m": 1}, _kv31),
    "ann_NaP": Gated("gbar", "ena", MH, _nap),
    "ann_NaT": Gated("gbar", "ena", MH, _nat, ("shift",)),
    "ann_SK": Gated("gbar", "ek", {"z": 1}, _sk),
}
CALCIUM = {"ann_CaHVA", "ann_CaLVA", "ann_SK"}


class Mechanism(Channel):  # type: ignore[misc]
    """One of `KINETICS`, by its name in NEURON."""

    def __init__(self, name: str) -> None:
        self.current_is_in_mA_per_cm2 = True
        super().__init__(name)
        k = self.kinetics = KINETICS[name]
        shared = {"ena", "ek", "eca"} & {k.reversal}
        own = {k.g, k.reversal, *k.more} - shared
        self.channel_params = {f"{name}_{p}": 0.0 for p in own}
        self.channel_params |= dict.fromkeys(shared - {"eca"}, 0.0)
        if k.reversal == "eca":
            self.channel_params["cao"] = 2.0
        self.channel_states = {f"{name}_{gate}": 0.0 for gate in k.powers}
        if name in CALCIUM:
            self.channel_states["cai"] = 1e-4
        self.current_name = "i_Ca" if k.reversal == "eca" else f"i_{name}"

    def _gates(self, states: Any, v: Any, params: Any) -> dict[str, tuple[Any, Any]]:
        own = {p: params[f"{self._name}_{p}"] for p in self.kinetics.more}
        found = self.kinetics.rates(v, own, states.get("cai"))
        names = (f"{self._name}_{gate}" for gate in self.kinetics.powers)
        return dict(zip(names, found, strict=True))

    def init_state(self, states: Any, v: Any, params: Any, delta_t: Any) -> Any:
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
        k, name = self.kinetics, self._name
        g = params[f"{name}_{k.g}"]
        for gate, power in k.powers.items():
            g = g * states[f"{name}_{gate}"] ** power
        return g * (v - self._reversal(states, params))

    def _reversal(self, states: Any, params: Any) -> Array:
        name = self.kinetics.reversal
        if name == "eca":
            return NERNST_mV * jnp.log(params["cao"] / states["cai"])
        return params[name] if name in params else params[f"{self._name}_{name}"]


class Calcium(Channel):  # type: ignore[misc]
    """Calcium below the membrane: mod/ann_CaDyn.mod."""

    def __init__(self) -> None:
        self.current_is_in_mA_per_cm2 = True
        super().__init__("ann_CaDyn")
        names = "gamma", "decay", "depth", "rest"
        self.channel_params = {f"ann_CaDyn_{p}": 0.0 for p in names}
        self.channel_states = {"cai": 1e-4, "i_Ca": 0.0}
        self.current_name = "i_ann_CaDyn"

    def update_states(self, states: Any, dt: Any, v: Any, params: Any) -> Any:
        """One step, exact for a current that stands still."""
        p = {k.removeprefix("ann_CaDyn_"): x for k, x in params.items()}
        fill = FILL * p["gamma"] * states["i_Ca"] / p["depth"]
        ca = p["rest"] - fill * p["decay"]
        return {"cai": ca + (states["cai"] - ca) * jnp.exp(-dt / p["decay"])}

    def compute_current(self, states: Any, v: Any, params: Any) -> Any:
        """None: others carry it."""
        return jnp.zeros_like(v)
