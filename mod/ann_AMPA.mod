TITLE AMPA receptor: an exponential conductance

COMMENT
An event of weight w (uS) raises the conductance at once; it decays with tau:
    g' = -g / tau,   g += w,   i = g (v - e)
The exponential synapse of Carnevale & Hines, The NEURON Book (2006), ch. 10;
the same equations as NEURON's built-in ExpSyn.
ENDCOMMENT

NEURON {
	THREADSAFE
	POINT_PROCESS ann_AMPA
	RANGE tau, e, i
	NONSPECIFIC_CURRENT i
}

UNITS {
	(nA) = (nanoamp)
	(mV) = (millivolt)
	(uS) = (microsiemens)
}

PARAMETER {
	tau = 2 (ms) <1e-9, 1e9>
	e = 0 (mV)
}

ASSIGNED {
	v (mV)
	i (nA)
}

STATE {
	g (uS)
}

INITIAL {
	g = 0
}

BREAKPOINT {
	SOLVE state METHOD cnexp
	i = g * (v - e)
}

DERIVATIVE state {
	g' = -g / tau
}

NET_RECEIVE (weight (uS)) {
	g = g + weight
}
