"""Measures the engine beside its alternatives: one input, one machine, one run.

`drive` draws the input; `detailed`, `surrogate` and `streamed` are what is measured;
`worker` keeps each of them in a process of its own; `measure` runs them in turns and
makes the rows; `table` and `targets` read the rows. `peers` are engines from an
environment of their own. ``cli/bench.py`` is the command.
"""
