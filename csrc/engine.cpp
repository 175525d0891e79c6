#include "engine.h"

#include <algorithm>
#include <cmath>

#include "errors.h"

namespace ann {

Engine::Engine(const Spec& spec, const Backend& backend, int rows)
    : sizes_(spec),
      channels_(spec.C - (spec.feedback ? 1 : 0)),
      feedback_(spec.feedback),
      events_(channels_),
      ap_(spec.ap),
      threshold_(spec.threshold_mV),
      computed_(make_rows(backend, spec)) {
    resize(rows);
}

void Engine::resize(int rows) {
    if (rows < 0) throw InputError("expected rows >= 0, got " + std::to_string(rows));
    if (rows != rows_) {
        agenda_ = std::make_shared<Agenda>();  // wires of others that lead here lead nowhere
        wires_.clear();
        played_.clear();
    }
    rows_ = rows;
    reset();
}

void Engine::reset() {
    agenda_->clear();
    rewind();
    wires_.rest();
    fed_back_.clear();
    events_.resize(rows_);
    computed_->resize(rows_);
}

void Engine::connect(const int32_t* source, Engine& target, const std::vector<Wire>& wires,
                     const Plasticity& plasticity) {
    for (size_t i = 0; i < wires.size(); ++i) {
        const Wire& w = wires[i];
        if (w.row < 0 || w.row >= target.rows_)
            throw InputError("expected a target row in 0 .. " + std::to_string(target.rows_ - 1) +
                             ", got " + std::to_string(w.row) + " in connection " +
                             std::to_string(i));
        if (w.channel < 0 || w.channel >= target.channels_)
            throw InputError("expected a channel in 0 .. " + std::to_string(target.channels_ - 1) +
                             ", got " + std::to_string(w.channel) + " in connection " +
                             std::to_string(i));
    }
    wires_.connect(rows_, source, target.agenda_, wires, plasticity);
}

void Engine::play(const std::vector<Event>& events) {
    for (const Event& e : events)
        if (e.row < 0 || e.row >= rows_ || e.channel < 0 || e.channel >= channels_ ||
            !std::isfinite(e.weight) || !std::isfinite(e.t))
            throw InputError("expected rows, channels, and finite weights and times, got row " +
                             std::to_string(e.row) + ", channel " + std::to_string(e.channel) +
                             ", weight " + written(e.weight) + " uS, t " + written(e.t) + " ms");
    played_.insert(played_.end(), events.begin(), events.end());
    in_order_ = false;
}

// To the first event behind the open bin, or to the first of all.
void Engine::rewind() {
    if (!in_order_)
        std::stable_sort(played_.begin(), played_.end(),
                         [](const Event& a, const Event& b) { return a.t < b.t; });
    in_order_ = true;
    const auto past = [&](const Event& e) { return !agenda_->is_behind(e.t, agenda_->start()); };
    next_played_ =
        agenda_->is_open()
            ? size_t(std::partition_point(played_.begin(), played_.end(), past) - played_.begin())
            : 0;
}

void Engine::take(double t0, const Event* events, size_t n) {
    if (!std::isfinite(t0))
        throw InputError("expected a finite bin start t0 (ms), got " + written(t0));
    if (!agenda_->is_open() && !wires_.size() && played_.empty())
        return events_.take(t0, events, n, fed_back_);
    if (!in_order_) rewind();
    const bool first = !agenda_->is_open();  // perhaps not the run's first bin
    agenda_->open(t0);
    if (first)
        while (next_played_ < played_.size() && played_[next_played_].t < t0) ++next_played_;
    std::vector<Event>& due = agenda_->due();
    const size_t own = due.size();
    due.insert(due.end(), events, events + n);
    size_t next = next_played_;
    while (next < played_.size() && !agenda_->is_behind(played_[next].t, t0)) ++next;
    due.insert(due.end(), played_.begin() + std::ptrdiff_t(next_played_),
               played_.begin() + std::ptrdiff_t(next));
    try {
        events_.take(t0, due.data(), due.size(), fed_back_);
    } catch (...) {
        due.resize(own);
        throw;
    }
    due.clear();
    next_played_ = next;
}

void Engine::launch(double t0, const Event* events, size_t n) {
    take(t0, events, n);
    t0_ = t0;
    computed_->launch(t0, events_);
}

void Engine::collect(double* v_end, std::vector<Spike>& spikes) {
    const size_t before = spikes.size();
    computed_->collect(events_, v_end, spikes);
    if (feedback_)
        fed_back_.assign(spikes.begin() + static_cast<std::ptrdiff_t>(before), spikes.end());
    if (wires_.size()) wires_.send(t0_, spikes.data() + before, spikes.size() - before);
}

EngineState Engine::save() {
    EngineState s{NetworkState(sizes_, rows_), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    computed_->save(s);
    agenda_->save(s);
    wires_.save(s);
    for (const Spike& spike : fed_back_) {
        s.heard_row.push_back(spike.row);
        s.heard_t.push_back(spike.t);
    }
    return s;
}

void Engine::load(const EngineState& from) {
    check(from, save(), channels_);
    computed_->load(from);
    agenda_->load(from);
    wires_.load(from);
    rewind();
    fed_back_.clear();
    for (size_t i = 0; i < from.heard_t.size(); ++i)
        fed_back_.push_back({from.heard_t[i], from.heard_row[i]});
}

}  // namespace ann
