: A source that fires at first, then at intervals of its own.
NEURON {
    ARTIFICIAL_CELL Train
    RANGE first, interval, growth
}
PARAMETER {
    first = 1 (ms)
    interval = 2 (ms)
    growth = 1.07
}
ASSIGNED { wait (ms) }
INITIAL {
    wait = interval
    net_send(first, 1)
}
NET_RECEIVE (w) {
    if (flag == 1) {
        net_event(t)
        net_send(wait, 1)
        wait = wait * growth
        if (wait > 6) { wait = interval }
    }
}
