"""Kinetics of the L5PC's gates: the equations of mod/ann_*.mod, which name the sources.

Each function takes v (mV; the calcium of `sk`, mM) and gives for every gate, in the
order of the .mod file, its steady state and the inverse of its time constant, /ms.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

Q = 2.3**1.3  # 21 to 34 degC
Gates = list[tuple[Any, Any]]


def _over(x: Any, k: float) -> Any:
    """Give x / (exp(x / k) - 1), and its limit at 0."""
    near = jnp.abs(x) < 1e-4
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, k, safe / jnp.expm1(safe / k))


def _opened(a: Any, b: Any) -> tuple[Any, Any]:
    """From the rates of opening and of closing."""
    return a / (a + b), a + b


def _rise(v: Any, half: float, slope: float) -> Any:
    return 1.0 / (1.0 + jnp.exp(-(v - half) / slope))


def none(v: Any) -> Gates:  # noqa: ARG001
    """Of a leak."""
    return []


def ih(v: Any) -> Gates:
    """Of ann_Ih: m."""
    return [_opened(0.00643 * _over(v + 154.9, 11.9), 0.193 * jnp.exp(v / 33.1))]


def im(v: Any) -> Gates:
    """Of ann_Im: m."""
    e = jnp.exp(0.1 * (v + 35.0))
    return [_opened(Q * 0.0033 * e, Q * 0.0033 / e)]


def ca_hva(v: Any) -> Gates:
    """Of ann_CaHVA: m, h."""
    m = 0.055 * _over(-27.0 - v, 3.8), 0.94 * jnp.exp((-75.0 - v) / 17.0)
    h = 0.000457 * jnp.exp((-13.0 - v) / 50.0), 0.0065 * _rise(v, -15.0, 28.0)
    return [_opened(*m), _opened(*h)]


def ca_lva(v: Any) -> Gates:
    """Of ann_CaLVA: m, h."""
    m = _rise(v, -40.0, 6.0), Q / (5.0 + 20.0 * _rise(v, -35.0, -5.0))
    h = _rise(v, -90.0, -6.4), Q / (20.0 + 50.0 * _rise(v, -50.0, -7.0))
    return [m, h]


def kp(v: Any) -> Gates:
    """Of ann_KP: m, h."""
    x = jnp.exp(-0.026 * (v + 10.0))
    tau = 1.25 + jnp.where(v < -60.0, 175.03 / x, 13.0 * x)
    bell = jnp.exp(-(((v + 85.0) / 48.0) ** 2))
    m = _rise(v, -11.0, 12.0), Q / tau
    h = _rise(v, -64.0, -11.0), Q / (360.0 + (1010.0 + 24.0 * (v + 65.0)) * bell)
    return [m, h]


def kt(v: Any) -> Gates:
    """Of ann_KT: m, h."""
    m = Q / (0.34 + 0.92 * jnp.exp(-(((v + 81.0) / 59.0) ** 2)))
    h = Q / (8.0 + 49.0 * jnp.exp(-(((v + 83.0) / 23.0) ** 2)))
    return [(_rise(v, -10.0, 19.0), m), (_rise(v, -76.0, -10.0), h)]


def kv31(v: Any) -> Gates:
    """Of ann_Kv31: m."""
    rate = 0.25 * (1.0 + jnp.exp(-(v + 46.56) / 44.14))
    return [(_rise(v, 18.7, 9.7), rate)]


def nap(v: Any) -> Gates:
    """Of ann_NaP: m, h."""
    m = Q / 6.0 * (0.182 * _over(-v - 38.0, 6.0) + 0.124 * _over(v + 38.0, 6.0))
    h = Q * (2.88e-6 * _over(v + 17.0, 4.63) + 6.94e-6 * _over(-v - 64.4, 2.63))
    return [(_rise(v, -52.6, 4.6), m), (_rise(v, -48.8, -10.0), h)]


def nat(v: Any) -> Gates:
    """Of ann_NaT: m, h."""
    m = Q * 0.182 * _over(-v - 38.0, 6.0), Q * 0.124 * _over(v + 38.0, 6.0)
    h = Q * 0.015 * _over(v + 66.0, 6.0), Q * 0.015 * _over(-v - 66.0, 6.0)
    return [_opened(*m), _opened(*h)]


def sk(calcium: Any) -> Gates:
    """Of ann_SK: z."""
    x = (calcium / 0.00043) ** 4.8
    return [(x / (1.0 + x), 1.0)]
