#include "event_buffer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>

#include "errors.h"
#include "order.h"

namespace ann {
namespace {

constexpr double slack = 1e-6;  // ms, rounding of NEURON's t
constexpr int few = 48;         // events

// A type of its own, so that sorting calls no function through a pointer.
constexpr auto before = [](const RowEvent& a, const RowEvent& b) { return is_before(a, b); };

// Few events: each goes where as many older ones say, without a branch to mispredict.
void sort_by_age(RowEvent* events, int n) {
    RowEvent sorted[few];
    float age[few];
    for (int i = 0; i < n; ++i) age[i] = events[i].age;
    for (int i = 0; i < n; ++i) {
        int older = 0;
        for (int j = 0; j < i; ++j) older += age[j] >= age[i];
        for (int j = i + 1; j < n; ++j) older += age[j] > age[i];
        sorted[older] = events[i];
    }
    std::copy_n(sorted, n, events);
}

[[noreturn]] void refuse_range(const char* what, int got, int size) {
    throw InputError(std::string("expected an event's ") + what + " in 0 .. " +
                     std::to_string(size - 1) + ", got " + std::to_string(got));
}

}  // namespace

void EventBuffer::resize(int rows) {
    rows_ = rows;
    first_.assign(static_cast<size_t>(rows) + 1, 0);
    next_.assign(static_cast<size_t>(rows) + 1, 0);
}

void EventBuffer::take(double t0, const Event* events, size_t n,
                       const std::vector<Spike>& fed_back) {
    const double t_end = t0 + bin_ms;
    std::fill(first_.begin(), first_.end(), 0);
    for (size_t i = 0; i < n; ++i) {
        const Event& e = events[i];
        const bool good = static_cast<uint32_t>(e.row) < static_cast<uint32_t>(rows_) &&
                          static_cast<uint32_t>(e.channel) < static_cast<uint32_t>(C_) &&
                          std::fabs(e.weight) <= FLT_MAX && e.t <= t_end + slack && e.t >= -DBL_MAX;
        if (!good) {
            std::fill(first_.begin(), first_.end(), 0);
            refuse(t0, e);
        }
        ++first_[e.row + 1];
    }
    for (const Spike& s : fed_back) ++first_[s.row + 1];
    for (int row = 0; row < rows_; ++row) first_[row + 1] += first_[row];
    std::copy(first_.begin(), first_.end(), next_.begin());
    const size_t all = n + fed_back.size();
    if (events_.size() < all) events_.resize(2 * all);  // grows a few times, then never again
    for (size_t i = 0; i < n; ++i) put(t_end, events[i]);
    for (const Spike& s : fed_back) put(t_end, {s.t + bin_ms, 1.0, s.row, C_});
}

void EventBuffer::put(double t_end, const Event& e) {
    events_[next_[e.row]++] = {static_cast<float>(t_end - e.t), static_cast<float>(e.weight),
                               e.channel};
}

void EventBuffer::sort(int first, int last) {
    for (int row = first; row < last; ++row) {
        RowEvent *from = events_.data() + first_[row], *to = events_.data() + first_[row + 1];
        if (std::is_sorted(from, to, before)) continue;  // NEURON's mostly are
        if (to - from <= few) sort_by_age(from, static_cast<int>(to - from));
        if (!std::is_sorted(from, to, before)) std::sort(from, to, before);
    }
}

void EventBuffer::refuse(double t0, const Event& event) const {
    if (event.row < 0 || event.row >= rows_) refuse_range("row", event.row, rows_);
    if (event.channel < 0 || event.channel >= C_) refuse_range("channel", event.channel, C_);
    if (!(std::fabs(event.weight) <= FLT_MAX))
        throw InputError("expected a finite weight (uS), got " + written(event.weight) +
                         " in row " + std::to_string(event.row) + ", channel " +
                         std::to_string(event.channel));
    throw InputError(
        "expected a finite event time up to the bin's end, t = " + written(t0 + bin_ms) +
        " ms, got " + written(event.t) + " in row " + std::to_string(event.row));
}

}  // namespace ann
