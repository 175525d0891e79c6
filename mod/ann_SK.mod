TITLE Calcium-activated potassium current of small conductance (SK)

COMMENT
    i = gbar z (v - ek)
    z: inf = cai^4.8 / (cai^4.8 + K^4.8),  K = 0.00043 mM,  tau = 1 ms
Koehler et al., Science 273:1709 (1996), as used by Hay et al., PLoS Comput Biol 7:e1002107 (2011;
their SK_E2).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_SK
	USEION k READ ek WRITE ik
	USEION ca READ cai
	RANGE gbar, ik
}

UNITS {
	(mV) = (millivolt)
	(mA) = (milliamp)
	(mM) = (milli/liter)
	(S) = (siemens)
}

PARAMETER {
	gbar = 0 (S/cm2)
}

ASSIGNED {
	v (mV)
	ek (mV)
	ik (mA/cm2)
	cai (mM)
}

STATE {
	z
}

INITIAL {
	z = z_inf(cai)
}

BREAKPOINT {
	SOLVE states METHOD cnexp
	ik = gbar * z * (v - ek)
}

DERIVATIVE states {
	z' = (z_inf(cai) - z) / 1 (ms)
}

FUNCTION z_inf(c (mM)) {
	LOCAL x
	UNITSOFF
	x = (c / 0.00043)^4.8
	z_inf = x / (1 + x)
	UNITSON
}
