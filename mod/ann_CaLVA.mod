TITLE Low-voltage-activated calcium current

COMMENT
    i = gbar m^2 h (v - eca)
    m: inf = 1 / (1 + exp(-(v + 40) / 6)),  tau = (5 + 20 / (1 + exp((v + 35) / 5))) / q
    h: inf = 1 / (1 + exp((v + 90) / 6.4)),  tau = (20 + 50 / (1 + exp((v + 50) / 7))) / q
    q = 2.3^1.3 (21 to 34 degC, whatever celsius is); ms, mV
Steady states: Avery & Johnston, J Neurosci 16:5567 (1996); time constants: Randall & Tsien,
Neuropharmacology 36:879 (1997); both corrected by 10 mV for the liquid junction potential, as used by
Hay et al., PLoS Comput Biol 7:e1002107 (2011; their Ca_LVAst).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_CaLVA
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
	ica = gbar * m * m * h * (v - eca)
}

DERIVATIVE states {
	rates(v)
	m' = (m_inf - m) * m_rate
	h' = (h_inf - h) * h_rate
}

PROCEDURE rates(v (mV)) {
	UNITSOFF
	m_inf = 1 / (1 + exp(-(v + 40) / 6))
	h_inf = 1 / (1 + exp((v + 90) / 6.4))
	m_rate = 2.952882641412121 / (5 + 20 / (1 + exp((v + 35) / 5)))
	h_rate = 2.952882641412121 / (20 + 50 / (1 + exp((v + 50) / 7)))
	UNITSON
}
