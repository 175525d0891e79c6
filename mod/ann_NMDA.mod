TITLE NMDA receptor: a slow conductance behind a magnesium block

COMMENT
A difference of exponentials, scaled so that one event of weight w (uS) peaks at w:
    A' = -A / tau_rise,   B' = -B / tau_decay,   A += w f,   B += w f,   i = (B - A) m(v) (v - e)
    f = 1 / (exp(-t_peak / tau_decay) - exp(-t_peak / tau_rise))
    t_peak = tau_rise tau_decay / (tau_decay - tau_rise) ln(tau_decay / tau_rise)
Magnesium block: Jahr & Stevens, J Neurosci 10:3178 (1990), equation 4a:
    m(v) = 1 / (1 + mg / 3.57 exp(-0.062 v)),   mg in mM, v in mV
ENDCOMMENT

NEURON {
	THREADSAFE
	POINT_PROCESS ann_NMDA
	RANGE tau_rise, tau_decay, e, mg, i
	NONSPECIFIC_CURRENT i
}

UNITS {
	(nA) = (nanoamp)
	(mV) = (millivolt)
	(uS) = (microsiemens)
	(mM) = (milli/liter)
}

PARAMETER {
	tau_rise = 2 (ms) <1e-9, 1e9>
	tau_decay = 65 (ms) <1e-9, 1e9>
	e = 0 (mV)
	mg = 1 (mM)
}

ASSIGNED {
	v (mV)
	i (nA)
	factor (1)
}

STATE {
	A (uS)
	B (uS)
}

INITIAL {
	LOCAL t_peak
	t_peak = tau_rise * tau_decay / (tau_decay - tau_rise) * log(tau_decay / tau_rise)
	factor = 1 / (exp(-t_peak / tau_decay) - exp(-t_peak / tau_rise))
	A = 0
	B = 0
}

BREAKPOINT {
	SOLVE state METHOD cnexp
	i = (B - A) * block(v) * (v - e)
}

DERIVATIVE state {
	A' = -A / tau_rise
	B' = -B / tau_decay
}

NET_RECEIVE (weight (uS)) {
	A = A + weight * factor
	B = B + weight * factor
}

FUNCTION block(v (mV)) (1) {
	block = 1 / (1 + mg / 3.57 (mM) * exp(-0.062 (/mV) * v))
}
