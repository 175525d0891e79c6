TITLE High-voltage-activated calcium current

COMMENT
    i = gbar m^2 h (v - eca)
    m: a = 0.055 (-27 - v) / (exp((-27 - v) / 3.8) - 1),  b = 0.94 exp((-75 - v) / 17)
    h: a = 0.000457 exp((-13 - v) / 50),  b = 0.0065 / (exp((-15 - v) / 28) + 1)
    m' = a (1 - m) - b m, h likewise; /ms, mV
Reuveni et al., J Neurosci 13:4609 (1993), as used by Hay et al., PLoS Comput Biol 7:e1002107
(2011; their Ca_HVA).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_CaHVA
	USEION ca READ eca WRITE ica
	RANGE gbar, ica
}

UNITS {
	(mV) = (millivolt)
	(mA) = (milliamp)
	(S) = (siemens)
}

PARAMETER {
	gbar = 0 (S/cm2)
}

ASSIGNED {
	v (mV)
	eca (mV)
	ica (mA/cm2)
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
	ica = gbar * m * m * h * (v - eca)
}

DERIVATIVE states {
	rates(v)
	m' = am * (1 - m) - bm * m
	h' = ah * (1 - h) - bh * h
}

PROCEDURE rates(v (mV)) {
	LOCAL x
	UNITSOFF
	x = -27 - v
	am = 0.055 * 3.8 : the limit at x = 0
	if (fabs(x) > 1e-4) { am = 0.055 * x / (exp(x / 3.8) - 1) }
	bm = 0.94 * exp((-75 - v) / 17)
	ah = 0.000457 * exp((-13 - v) / 50)
	bh = 0.0065 / (exp((-15 - v) / 28) + 1)
	UNITSON
}
