TITLE Muscarinic potassium current (M current)

COMMENT
    i = gbar m (v - ek)
    m: a = 0.0033 q exp(0.1 (v + 35)),  b = 0.0033 q exp(-0.1 (v + 35));  m' = a (1 - m) - b m
    q = 2.3^1.3 (21 to 34 degC, whatever celsius is); /ms, mV
Adams, Brown & Constanti, J Physiol 330:537 (1982), as used by Hay et al., PLoS Comput Biol
7:e1002107 (2011).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_Im
	USEION k READ ek WRITE ik
	RANGE gbar, ik
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
	ek (mV)
	ik (mA/cm2)
	a (/ms)
	b (/ms)
}

STATE {
	m
}

INITIAL {
	rates(v)
	m = a / (a + b)
}

BREAKPOINT {
	SOLVE states METHOD cnexp
	ik = gbar * m * (v - ek)
}

DERIVATIVE states {
	rates(v)
	m' = a * (1 - m) - b * m
}

PROCEDURE rates(v (mV)) {
	LOCAL e
	UNITSOFF
	e = exp(0.1 * (v + 35))
	a = 2.952882641412121 * 0.0033 * e
	b = 2.952882641412121 * 0.0033 / e
	UNITSON
}
