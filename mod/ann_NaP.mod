TITLE Persistent sodium current

COMMENT
    i = gbar m^3 h (v - ena)
    m: inf = 1 / (1 + exp(-(v + 52.6) / 4.6)),  tau = 6 / (q (a + b)) with
       a = 0.182 (v + 38) / (1 - exp(-(v + 38) / 6)),  b = -0.124 (v + 38) / (1 - exp((v + 38) / 6))
    h: inf = 1 / (1 + exp((v + 48.8) / 10)),  tau = 1 / (q (a + b)) with
       a = -2.88e-6 (v + 17) / (1 - exp((v + 17) / 4.63)),  b = 6.94e-6 (v + 64.4) / (1 - exp(-(v + 64.4) / 2.63))
    q = 2.3^1.3 (21 to 34 degC, whatever celsius is)
Magistretti & Alonso, J Gen Physiol 114:491 (1999), as used by Hay et al., PLoS Comput Biol
7:e1002107 (2011; their Nap_Et2).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_NaP
	USEION na READ ena WRITE ina
	RANGE gbar, ina
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
	ena (mV)
	ina (mA/cm2)
	m_inf
	h_inf
	m_rate (/ms)
	h_rate (/ms)
}

STATE {
	m
	h
}

INITIAL {
	rates(v)
	m = m_inf
	h = h_inf
}

BREAKPOINT {
	SOLVE states METHOD cnexp
	ina = gbar * m * m * m * h * (v - ena)
}

DERIVATIVE states {
	rates(v)
	m' = (m_inf - m) * m_rate
	h' = (h_inf - h) * h_rate
}

PROCEDURE rates(v (mV)) {
	LOCAL e, k, a, b
	UNITSOFF
	m_inf = 1 / (1 + exp(-(v + 52.6) / 4.6))
	h_inf = 1 / (1 + exp((v + 48.8) / 10))
	e = exp(-(v + 38) / 6)
	k = 6 : the limit of x / (1 - e) at x = 0
	if (fabs(v + 38) > 1e-4) { k = (v + 38) / (1 - e) }
	m_rate = 2.952882641412121 / 6 * k * (0.182 + 0.124 * e)
	a = 4.63
	if (fabs(v + 17) > 1e-4) { a = (v + 17) / (exp((v + 17) / 4.63) - 1) }
	b = 2.63
	if (fabs(v + 64.4) > 1e-4) { b = (v + 64.4) / (1 - exp(-(v + 64.4) / 2.63)) }
	h_rate = 2.952882641412121 * (2.88e-6 * a + 6.94e-6 * b)
	UNITSON
}
