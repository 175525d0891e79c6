#include "cuda/results.h"

#include <algorithm>
#include <cmath>

#include "errors.h"
#include "readout.h"

namespace ann::cuda {

void hand_over(const Results& results, const EventBuffer& events, double* v_end,
               std::vector<Spike>& spikes) {
    const size_t old = spikes.size();
    for (int row = 0; row < results.rows; ++row) {
        if (std::isnan(results.v[row])) throw NonFiniteError(row, results.t0, events.inputs(row));
        if (!std::isnan(results.spike[row])) spikes.push_back({results.spike[row], row});
    }
    std::copy_n(results.v, results.rows, v_end);
    sort_from(old, spikes);
}

}  // namespace ann::cuda
