"""Peers of the engine: Jaxley, AxoSim and Branch-ELM, in an environment of their own.

Beside `streamed` in the benchmark's line: `environment` makes that environment once,
`engine` drives one peer in it as any other engine, `geometry` takes the cell for Jaxley
out of NEURON, `kinetics` holds Jaxley against NEURON, `sources` says where each peer is
from, `report` puts both into the result. What runs over there is the package `there`,
which imports nothing from here.
"""
