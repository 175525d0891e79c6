TITLE Calcium below the membrane

COMMENT
A shell that the calcium current fills and pumps empty:
    cai' = -gamma ica / (2 F depth) - (cai - rest) / decay
gamma: the fraction of calcium that no buffer binds.
Destexhe, Mainen & Sejnowski, J Comput Neurosci 1:195 (1994), as used by Hay et al., PLoS Comput Biol
7:e1002107 (2011; their CaDynamics_E2).
ENDCOMMENT

NEURON {
	THREADSAFE
	SUFFIX ann_CaDyn
	USEION ca READ ica WRITE cai
	RANGE gamma, decay, depth, rest
}

UNITS {
	(mA) = (milliamp)
	(mM) = (milli/liter)
	(um) = (micron)
}

PARAMETER {
	gamma = 0.05 (1)
	decay = 80 (ms)
	depth = 0.1 (um)
	rest = 1e-4 (mM)
}

ASSIGNED {
	ica (mA/cm2)
}

STATE {
	cai (mM)
}

INITIAL {
	cai = rest
}

BREAKPOINT {
	SOLVE states METHOD cnexp
}

DERIVATIVE states {
	: 1e4 / (2 F): from mA/cm2 over um to mM/ms, F = 96485.33212 C/mol
	cai' = -0.05182134828(mM cm2 um/mA ms) * gamma * ica / depth - (cai - rest) / decay
}
