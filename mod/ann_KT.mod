TITLE Transient potassium current

COMMENT
    i = gbar m^4 h (v - ek)
    m: inf = 1 / (1 + exp(-(v + 10) / 19)),  tau = (0.34 + 0.92 exp(-((v + 81) / 59)^2)) / q
    h: inf = 1 / (1 + exp((v + 76) / 10)),  tau = (8 + 49 exp(-((v + 83) / 23)^2)) / q
    q = 2.3^1.3 (21 to 34 degC, whatever celsius is); ms, mV
Korngreen & Sakmann, J Physiol 525:621 (2000), corrected by 10 mV for the liquid junction potential,
as used by Hay et al., PLoS Comput Biol 7:e1002107 (2011; their K_Tst).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_KT
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
	ik = gbar * m * m * m * m * h * (v - ek)
}

DERIVATIVE states {
	rates(v)
	m' = (m_inf - m) * m_rate
	h' = (h_inf - h) * h_rate
}

PROCEDURE rates(v (mV)) {
	LOCAL x, y
	UNITSOFF
	x = (v + 81) / 59
	y = (v + 83) / 23
	m_inf = 1 / (1 + exp(-(v + 10) / 19))
	h_inf = 1 / (1 + exp((v + 76) / 10))
	m_rate = 2.952882641412121 / (0.34 + 0.92 * exp(-x * x))
	h_rate = 2.952882641412121 / (8 + 49 * exp(-y * y))
	UNITSON
}
