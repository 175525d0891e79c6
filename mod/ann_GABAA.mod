TITLE GABA_A receptor: a conductance with a rise and a decay

COMMENT
A difference of exponentials, scaled so that one event of weight w (uS) peaks at w:
    A' = -A / tau_rise,   B' = -B / tau_decay,   A += w f,   B += w f,   i = (B - A) (v - e)
    f = 1 / (exp(-t_peak / tau_decay) - exp(-t_peak / tau_rise))
    t_peak = tau_rise tau_decay / (tau_decay - tau_rise) ln(tau_decay / tau_rise)
The two-exponential synapse of Carnevale & Hines, The NEURON Book (2006), ch. 10;
the same equations as NEURON's built-in Exp2Syn.
ENDCOMMENT

NEURON {
	THREADSAFE
	POINT_PROCESS ann_GABAA
	RANGE tau_rise, tau_decay, e, i
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

NET_RECEIVE (weight (uS)) {
	A = A + weight * factor
	B = B + weight * factor
}
