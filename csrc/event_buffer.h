// The events of one bin -> exponential traces a [B, G*K] at the bin's end.
#pragma once
#include <vector>

#include "types.h"

namespace ann {

class EventBuffer {
  public:
    explicit EventBuffer(const Spec& spec);

    void resize(int rows);  // every row reset
    void reset();

    // a <- a exp(-bin / tau) + sum over events of embedding * weight * exp(-(t_end - t) / tau).
    // Checks every event before it touches a trace; throws InputError.
    void step(double t0, const Event* events, size_t n);

    const float* traces() const { return traces_.data(); }                  // [B, G*K]
    size_t inputs(int row) const { return first_[row + 1] - first_[row]; }  // in the last bin

  private:
    void check(double t0, const Event& event) const;
    void sort(const Event* events, size_t n);
    void add(const Event& event, double t_end, float* traces) const;

    struct Target {  // one non-zero of the embedding
        int g;
        float gain;
    };
    int C_, GK_, K_, rows_ = 0;
    std::vector<size_t> target_first_;  // [C + 1]
    std::vector<Target> targets_;
    std::vector<float> rate_, loss_;    // [G*K]: 1 / tau, 1 - exp(-bin / tau)
    std::vector<float> traces_;         // [B, G*K]
    std::vector<Event> sorted_;         // by (row, t, channel, weight)
    std::vector<size_t> first_, next_;  // [B + 1]: where a row's events start
};

}  // namespace ann
