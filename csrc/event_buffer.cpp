#include "event_buffer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>

#include "activations.h"
#include "errors.h"

namespace ann {
namespace {

// A total order that no arrival order can change: equal keys are equal events.
bool before(const Event& a, const Event& b) {
    if (a.t != b.t) return a.t < b.t;
    if (a.channel != b.channel) return a.channel < b.channel;
    return a.weight < b.weight;
}

void refuse_range(const char* what, int got, int size) {
    throw InputError(std::string("expected an event's ") + what + " in 0 .. " +
                     std::to_string(size - 1) + ", got " + std::to_string(got));
}

}  // namespace

EventBuffer::EventBuffer(const Spec& spec) : C_(spec.C), GK_(spec.G * spec.K), K_(spec.K) {
    target_first_.push_back(0);
    for (int c = 0; c < C_; ++c) {
        for (int g = 0; g < spec.G; ++g) {
            const float gain = spec.embedding[c * spec.G + g];
            if (gain != 0.f) targets_.push_back({g, gain});
        }
        target_first_.push_back(targets_.size());
    }
    for (float tau : spec.tau) {
        rate_.push_back(1.f / tau);
        loss_.push_back(static_cast<float>(-std::expm1(-bin_ms / tau)));
    }
}

void EventBuffer::resize(int rows) {
    rows_ = rows;
    traces_.assign(static_cast<size_t>(rows) * GK_, 0.f);
    first_.assign(rows + 1, 0);
    next_.assign(rows + 1, 0);
}

void EventBuffer::reset() {
    resize(rows_);
}

void EventBuffer::step(double t0, const Event* events, size_t n) {
    for (size_t i = 0; i < n; ++i) check(t0, events[i]);
    sort(events, n);
    for (int row = 0; row < rows_; ++row) {
        float* a = traces_.data() + static_cast<size_t>(row) * GK_;
        for (int i = 0; i < GK_; ++i) {
            a[i] -=
                a[i] * loss_[i];  // a rounded exp(-bin / tau) would bias slow traces by tau ulps
            if (std::fabs(a[i]) < 1e-25f) a[i] = 0.f;  // before denormals slow silent rows down
        }
        for (size_t i = first_[row]; i < first_[row + 1]; ++i) add(sorted_[i], t0 + bin_ms, a);
    }
}

void EventBuffer::check(double t0, const Event& event) const {
    const double slack = 1e-6;  // ms, rounding of NEURON's t
    if (event.row < 0 || event.row >= rows_) refuse_range("row", event.row, rows_);
    if (event.channel < 0 || event.channel >= C_) refuse_range("channel", event.channel, C_);
    if (!(std::fabs(event.weight) <= FLT_MAX))
        throw InputError("expected a finite weight (uS), got " + written(event.weight) +
                         " in row " + std::to_string(event.row) + ", channel " +
                         std::to_string(event.channel));
    if (!(std::isfinite(event.t) && event.t <= t0 + bin_ms + slack))
        throw InputError(
            "expected a finite event time up to the bin's end, t = " + written(t0 + bin_ms) +
            " ms, got " + written(event.t) + " in row " + std::to_string(event.row));
}

void EventBuffer::sort(const Event* events, size_t n) {
    std::fill(first_.begin(), first_.end(), 0);
    for (size_t i = 0; i < n; ++i) ++first_[events[i].row + 1];
    for (int row = 0; row < rows_; ++row) first_[row + 1] += first_[row];
    next_ = first_;
    if (sorted_.size() < n) sorted_.resize(2 * n);  // grows a few times, then never again
    for (size_t i = 0; i < n; ++i) sorted_[next_[events[i].row]++] = events[i];
    for (int row = 0; row < rows_; ++row)
        std::sort(sorted_.begin() + first_[row], sorted_.begin() + first_[row + 1], before);
}

void EventBuffer::add(const Event& event, double t_end, float* traces) const {
    const float age = static_cast<float>(t_end - event.t);  // ms
    const float weight = static_cast<float>(event.weight);
    for (size_t i = target_first_[event.channel]; i < target_first_[event.channel + 1]; ++i) {
        const float* rate = rate_.data() + targets_[i].g * K_;
        float* a = traces + targets_[i].g * K_;
        const float size = targets_[i].gain * weight;
        for (int k = 0; k < K_; ++k) a[k] += size * exp(-age * rate[k]);
    }
}

}  // namespace ann
