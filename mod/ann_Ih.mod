TITLE Hyperpolarisation-activated cation current

COMMENT
    i = gbar m (v - eh)
    m: a = 0.00643 (v + 154.9) / (exp((v + 154.9) / 11.9) - 1),  b = 0.193 exp(v / 33.1);  m' = a (1 - m) - b m
    /ms, mV; eh = -45 mV
Kole, Hallermann & Stuart, J Neurosci 26:1677 (2006), as used by Hay et al., PLoS Comput Biol
7:e1002107 (2011).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_Ih
	NONSPECIFIC_CURRENT i
	RANGE gbar, eh, i
}

UNITS {
	(mV) = (millivolt)
	(mA) = (milliamp)
	(S) = (siemens)
}

PARAMETER {
	gbar = 0 (S/cm2)
	eh = -45 (mV)
}

ASSIGNED {
	v (mV)
	i (mA/cm2)
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
	i = gbar * m * (v - eh)
}

DERIVATIVE states {
	rates(v)
	m' = a * (1 - m) - b * m
}

PROCEDURE rates(v (mV)) {
	LOCAL x
	UNITSOFF
	x = v + 154.9
	a = 0.00643 * 11.9 : the limit at x = 0
	if (fabs(x) > 1e-4) { a = 0.00643 * x / (exp(x / 11.9) - 1) }
	b = 0.193 * exp(v / 33.1)
	UNITSON
}
