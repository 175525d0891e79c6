#include "engine.h"

#include <cmath>

#include "errors.h"

namespace ann {

Engine::Engine(const Spec& spec, const Backend& backend, int rows)
    : channels_(spec.C), events_(spec.C), network_(make_network(backend, spec)), readout_(spec) {
    resize(rows);
}

void Engine::resize(int rows) {
    if (rows < 0) throw InputError("expected rows >= 0, got " + std::to_string(rows));
    rows_ = rows;
    events_.resize(rows);
    network_->resize(rows);
    readout_.resize(rows);
    outputs_.assign(static_cast<size_t>(rows) * O, 0.f);
}

void Engine::reset() {
    resize(rows_);
}

void Engine::step(double t0, const Event* events, size_t n, double* v_end,
                  std::vector<Spike>& spikes) {
    if (!std::isfinite(t0))
        throw InputError("expected a finite bin start t0 (ms), got " + written(t0));
    events_.take(t0, events, n);
    network_->step(events_, outputs_.data());
    check_outputs(t0);
    readout_.step(t0, outputs_.data(), v_end, spikes);
}

void Engine::check_outputs(double t0) const {
    for (int row = 0; row < rows_; ++row) {
        const float* y = outputs_.data() + static_cast<size_t>(row) * O;
        if (!std::isfinite(y[0] * 0.f + y[1] * 0.f + y[2] * 0.f))
            throw NonFiniteError(row, t0, events_.inputs(row));
    }
}

}  // namespace ann
