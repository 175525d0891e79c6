TITLE GABA_A receptor: a conductance with a rise and a decay, and optional short-term plasticity

COMMENT
A difference of exponentials, scaled so that one event of weight w (uS) peaks at w:
    A' = -A / tau_rise,   B' = -B / tau_decay,   A += w f,   B += w f,   i = (B - A) (v - e)
    f = 1 / (exp(-t_peak / tau_decay) - exp(-t_peak / tau_rise))
    t_peak = tau_rise tau_decay / (tau_decay - tau_rise) ln(tau_decay / tau_rise)
The two-exponential synapse of Carnevale & Hines, The NEURON Book (2006), ch. 10;
the same equations as NEURON's built-in Exp2Syn.

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
	POINT_PROCESS ann_GABAA
	RANGE tau_rise, tau_decay, e, U, tau_rec, tau_fac, i
	NONSPECIFIC_CURRENT i
}

UNITS {
	(nA) = (nanoamp)
	(mV) = (millivolt)
	(uS) = (microsiemens)
}

PARAMETER {
	tau_rise = 0.5 (ms) <1e-9, 1e9>
	tau_decay = 5 (ms) <1e-9, 1e9>
	e = -75 (mV)
	U = 0 (1) <0, 1>
	tau_rec = 0 (ms) <0, 1e9>
	tau_fac = 0 (ms) <0, 1e9>
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
	i = (B - A) * (v - e)
}

DERIVATIVE state {
	A' = -A / tau_rise
	B' = -B / tau_decay
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
	A = A + w * factor
	B = B + w * factor
}

FUNCTION decayed(interval (ms), tau (ms)) (1) {
	decayed = 0
	if (tau > 0) { decayed = exp(-interval / tau) }
}
