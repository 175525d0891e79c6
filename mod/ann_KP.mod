TITLE Slowly inactivating, persistent potassium current

COMMENT
    i = gbar m^2 h (v - ek)
    m: inf = 1 / (1 + exp(-(v + 11) / 12)),
       tau = (1.25 + 175.03 exp(0.026 (v + 10))) / q below -60 mV, (1.25 + 13 exp(-0.026 (v + 10))) / q above
    h: inf = 1 / (1 + exp((v + 64) / 11)),  tau = (360 + (1010 + 24 (v + 65)) exp(-((v + 85) / 48)^2)) / q
    q = 2.3^1.3 (21 to 34 degC, whatever celsius is); ms, mV
Korngreen & Sakmann, J Physiol 525:621 (2000), corrected by 10 mV for the liquid junction potential,
as used by Hay et al., PLoS Comput Biol 7:e1002107 (2011; their K_Pst).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_KP
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
	ik = gbar * m * m * h * (v - ek)
}

DERIVATIVE states {
	rates(v)
	m' = (m_inf - m) * m_rate
	h' = (h_inf - h) * h_rate
}

PROCEDURE rates(v (mV)) {
	LOCAL x, y
	UNITSOFF
	m_inf = 1 / (1 + exp(-(v + 11) / 12))
	h_inf = 1 / (1 + exp((v + 64) / 11))
	x = exp(-0.026 * (v + 10))
	if (v < -60) {
		m_rate = 2.952882641412121 / (1.25 + 175.03 / x)
	} else {
		m_rate = 2.952882641412121 / (1.25 + 13 * x)
	}
	y = (v + 85) / 48
	h_rate = 2.952882641412121 / (360 + (1010 + 24 * (v + 65)) * exp(-y * y))
	UNITSON
}
