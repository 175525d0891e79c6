"""Measures the engine beside its alternatives: one input, one machine, one run.

`drive` draws the input; `detailed`, `surrogate` and `streamed` are what is measured;
`worker` keeps each of them in a process of its own; `measure` runs them in turns and
makes the rows; `peers` are measured from an environment of their own; `table` and `targets` read the rows. ``cli/bench.py`` is the command.
"""
