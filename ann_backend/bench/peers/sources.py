"""Where each peer is from, and what its authors say it is worth.

Read by the command for its notes and rows. No accuracy here is on this project's cell
or by its metric: none stands in the column F1@2ms.
"""

from __future__ import annotations

__all__ = ["PUBLISHED", "SOURCES"]

_JAXLEY = (
    "Jaxley 0.14.0 (Deistler et al., Nature Methods 2025), the benchmark's L5PC with "
    "its compartments and channels out of NEURON, dt 0.025 ms, without synapses"
)
_AXOSIM = "axosim 0.1.0 (Wiest & Schäfer, technical report, Axym Labs 2026)"

SOURCES = {
    "Jaxley": f"{_JAXLEY}; double precision",
    "Jaxley, single": f"{_JAXLEY}; single precision, its default",
    "Branch-ELM": "Spieler et al., ICLR 2024 (arXiv 2306.16922): 1,278 inputs, 45 "
    "branches of 100 synapses, 100 memory units, one hidden layer of 200, 2 outputs, "
    "1 ms; random weights, its 4,500 synaptic traces folded into 45",
    "AxoSim GRU": f"{_AXOSIM}, profile axosim-gru-medium, 1,278 inputs, 118 branches, "
    "width 128, 1 ms; random weights",
    "AxoSim Lite": f"{_AXOSIM}, its population's profile, 1,278 inputs, 118 features, "
    "24 tokens, 8 states, 4 ms a step; random weights",
}
PUBLISHED = {
    "Branch-ELM": "AUC .9946, soma RMSE .564 mV, 96.6 % of the variance on NeuronIO "
    "(github AaronSpieler/elmneuron, models/best_elm_neuron/eval_results.json)",
    "AxoSim GRU": "F1@5ms .641, mean F1 of 0 to 5 ms .522 on AxoBench (github "
    "Axym-Labs/axo-website, public/report/central-figure-values.json)",
    "AxoSim Lite": "mean F1 of 0 to 5 ms .354 on AxoBench (axosim 0.1.0, "
    "simulation_contract.AXOSIM_POPULATION_PROFILE)",
}
