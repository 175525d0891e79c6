: A learning rule: each event changes the weight that its POINTER leads to.
NEURON {
    ARTIFICIAL_CELL Learner
    POINTER weight
}
ASSIGNED { weight }
NET_RECEIVE (w) { weight = weight * 0.8 + 0.004 }
