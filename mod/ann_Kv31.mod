TITLE Fast, non-inactivating potassium current (Kv3.1)

COMMENT
    i = gbar m (v - ek)
    m: inf = 1 / (1 + exp(-(v - 18.7) / 9.7)),  tau = 4 / (1 + exp(-(v + 46.56) / 44.14)) ms
Rettig et al., EMBO J 11:2473 (1992), as used by Hay et al., PLoS Comput Biol 7:e1002107 (2011;
their SKv3_1).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_Kv31
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
	m_inf
	m_rate (/ms)
}

STATE {
	m
}

INITIAL {
	rates(v)
	m = m_inf
}

BREAKPOINT {
	SOLVE states METHOD cnexp
	ik = gbar * m * (v - ek)
}

DERIVATIVE states {
	rates(v)
	m' = (m_inf - m) * m_rate
}

PROCEDURE rates(v (mV)) {
	UNITSOFF
	m_inf = 1 / (1 + exp(-(v - 18.7) / 9.7))
	m_rate = 0.25 * (1 + exp(-(v + 46.56) / 44.14))
	UNITSON
}
