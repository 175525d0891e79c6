TITLE Transient sodium current

COMMENT
    i = gbar m^3 h (v - ena)
    m: a = 0.182 (u + 38) / (1 - exp(-(u + 38) / 6)),  b = -0.124 (u + 38) / (1 - exp((u + 38) / 6))
    h: a = -0.015 (u + 66) / (1 - exp((u + 66) / 6)),  b = 0.015 (u + 66) / (1 - exp(-(u + 66) / 6))
    u = v - shift;  m' = q (a (1 - m) - b m), h likewise;  q = 2.3^1.3 (21 to 34 degC, whatever celsius is)
Colbert & Pan, Nat Neurosci 5:533 (2002), as used by Hay et al., PLoS Comput Biol 7:e1002107 (2011):
shift = 0 in the soma (their NaTa_t), 6 mV in the dendrites (their NaTs2_t).
Both gates have the slope of 6 mV, so that one exponential of v serves all four rates.
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_NaT
	USEION na READ ena WRITE ina
	RANGE gbar, shift, ina
}

UNITS {
	(mV) = (millivolt)
	(mA) = (milliamp)
	(S) = (siemens)
}

PARAMETER {
	gbar = 0 (S/cm2)
	shift = 0 (mV)
}

ASSIGNED {
	v (mV)
	ena (mV)
	ina (mA/cm2)
	am (/ms)
	bm (/ms)
	ah (/ms)
	bh (/ms)
}

STATE {
	m
	h
}

INITIAL {
	rates(v)
	m = am / (am + bm)
	h = ah / (ah + bh)
}

BREAKPOINT {
	SOLVE states METHOD cnexp
	ina = gbar * m * m * m * h * (v - ena)
}

DERIVATIVE states {
	rates(v)
	m' = am * (1 - m) - bm * m
	h' = ah * (1 - h) - bh * h
}

PROCEDURE rates(v (mV)) {
	LOCAL x, y, e, k
	UNITSOFF
	x = v - shift + 38
	y = x + 28
	e = exp(-x / 6)
	k = 6 : the limit of x / (1 - e) at x = 0
	if (fabs(x) > 1e-4) { k = x / (1 - e) }
	am = 2.952882641412121 * 0.182 * k
	bm = 2.952882641412121 * 0.124 * k * e
	e = 106.34267539816554 / e : exp(y / 6)
	k = 6
	if (fabs(y) > 1e-4) { k = y / (e - 1) }
	ah = 2.952882641412121 * 0.015 * k
	bh = ah * e
	UNITSON
}
