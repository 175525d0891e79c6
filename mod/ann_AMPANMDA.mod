TITLE AMPA and NMDA receptors of one synapse, with optional short-term plasticity

COMMENT
Two differences of exponentials, each scaled so that one event of weight w (uS) peaks at w (AMPA)
and at ratio w (NMDA):
    A' = -A / tau_rise,   B' = -B / tau_decay,   A += w f,   B += w f
    f = 1 / (exp(-t_peak / tau_decay) - exp(-t_peak / tau_rise))
    t_peak = tau_rise tau_decay / (tau_decay - tau_rise) ln(tau_decay / tau_rise)
    i = ((B_AMPA - A_AMPA) + (B_NMDA - A_NMDA) m(v)) (v - e)
Magnesium block: Jahr & Stevens, J Neurosci 10:3178 (1990), equation 4a:
    m(v) = 1 / (1 + mg / 3.57 exp(-0.062 v)),   mg in mM, v in mV
Time constants and ratio: Markram et al., Cell 163:456 (2015).

Plasticity, where U > 0: Tsodyks & Markram as in Maass & Markram, Neural Netw 15:155 (2002).
An event counts with the weight w u R; with D since the connection's last event,
    u = U + u' (1 - U) exp(-D / tau_fac),   R = 1 - (1 - R' (1 - u')) exp(-D / tau_rec)
where u', R' are those of the last event; the first event of a connection has u = U, R = 1.
U = 0: static, an event counts with w. tau_fac = 0: no facilitation; tau_rec = 0: no depression.
A connection (NetCon) holds its state in weight[1..3]: u', the used part 1 - R' (1 - u'), and the
time of its last event; all are zero at rest, so that nothing need be set.
ENDCOMMENT

NEURON {
	THREADSAFE
	POINT_PROCESS ann_AMPANMDA
	RANGE tau_rise_AMPA, tau_decay_AMPA, tau_rise_NMDA, tau_decay_NMDA
	RANGE e, mg, ratio, U, tau_rec, tau_fac, i
	NONSPECIFIC_CURRENT i
}

UNITS {
	(nA) = (nanoamp)
	(mV) = (millivolt)
	(uS) = (microsiemens)
	(mM) = (milli/liter)
}

PARAMETER {
	tau_rise_AMPA = 0.2 (ms) <1e-9, 1e9>
	tau_decay_AMPA = 1.7 (ms) <1e-9, 1e9>
	tau_rise_NMDA = 0.29 (ms) <1e-9, 1e9>
	tau_decay_NMDA = 43 (ms) <1e-9, 1e9>
	e = 0 (mV)
	mg = 1 (mM)
	ratio = 0.71 (1)
	U = 0 (1) <0, 1>
	tau_rec = 0 (ms) <0, 1e9>
	tau_fac = 0 (ms) <0, 1e9>
}

ASSIGNED {
	v (mV)
	i (nA)
	factor_AMPA (1)
	factor_NMDA (1)
}

STATE {
	A_AMPA (uS)
	B_AMPA (uS)
	A_NMDA (uS)
	B_NMDA (uS)
}

INITIAL {
	factor_AMPA = factor(tau_rise_AMPA, tau_decay_AMPA)
	factor_NMDA = ratio * factor(tau_rise_NMDA, tau_decay_NMDA)
	A_AMPA = 0
	B_AMPA = 0
	A_NMDA = 0
	B_NMDA = 0
}

BREAKPOINT {
	SOLVE state METHOD cnexp
	i = ((B_AMPA - A_AMPA) + (B_NMDA - A_NMDA) * block(v)) * (v - e)
}

DERIVATIVE state {
	A_AMPA' = -A_AMPA / tau_rise_AMPA
	B_AMPA' = -B_AMPA / tau_decay_AMPA
	A_NMDA' = -A_NMDA / tau_rise_NMDA
	B_NMDA' = -B_NMDA / tau_decay_NMDA
}

NET_RECEIVE (weight (uS), last_u, used, last_t (ms)) {
	LOCAL w, R
	INITIAL {
		last_u = 0
		used = 0
		last_t = 0
	}
	w = weight
	if (U > 0) {
		last_u = U + last_u * (1 - U) * decayed(t - last_t, tau_fac)
		R = 1 - used * decayed(t - last_t, tau_rec)
		w = weight * last_u * R
		used = 1 - R * (1 - last_u)
		last_t = t
	}
	A_AMPA = A_AMPA + w * factor_AMPA
	B_AMPA = B_AMPA + w * factor_AMPA
	A_NMDA = A_NMDA + w * factor_NMDA
	B_NMDA = B_NMDA + w * factor_NMDA
}

FUNCTION factor(rise (ms), decay (ms)) (1) {
	LOCAL t_peak
	t_peak = rise * decay / (decay - rise) * log(decay / rise)
	factor = 1 / (exp(-t_peak / decay) - exp(-t_peak / rise))
}

FUNCTION decayed(interval (ms), tau (ms)) (1) {
	decayed = 0
	if (tau > 0) { decayed = exp(-interval / tau) }
}

FUNCTION block(v (mV)) (1) {
	block = 1 / (1 + mg / 3.57 (mM) * exp(-0.062 (/mV) * v))
}
