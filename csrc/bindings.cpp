// ann_backend._engine
#include <pybind11/pybind11.h>
#include "population.h"
PYBIND11_MODULE(_engine, m) { m.doc() = "The surrogate's engine."; }
