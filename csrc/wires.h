// Connections between rows, as arrays: a spike of a row becomes events of other rows, at their own
// times, in bins to come. No queue orders them; the bin that takes them does.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "plasticity.h"
#include "state.h"
#include "types.h"

namespace ann {

// Events of the bins ahead of one population, a list for each.
class Agenda {
  public:
    // Room for events up to `delay` ms behind a bin; what is there stays.
    void reserve(double delay);
    void clear();

    // An event this close (ms) to a bin's end is the next one's.
    void set_late(double late) { late_ = std::min(late, 0.5); }

    // Goes on to the bin [t0, t0 + 1) ms: what was left in earlier ones comes late. Throws
    // InputError where t0 is no whole number of ms, or lies back.
    void open(double t0);
    bool is_open() const { return open_; }
    // Whether t (ms) lies behind the bin that starts at t0.
    bool is_behind(double t, double t0) const { return t - t0 + late_ >= bin_ms; }
    double start() const { return t0_; }
    // Of the bin that is open. The caller adds others, and clears it when they are done.
    std::vector<Event>& due() { return bins_[now_ & mask()]; }

    void save(EngineState& to) const;
    void load(const EngineState& from);

    // For a bin behind the open one.
    void add(double t, double weight, int32_t row, int32_t channel) {
        const size_t ahead = size_t(std::max(1.0, t - t0_ + late_));
        bins_[(now_ + ahead) & mask()].push_back({t, weight, row, channel});
    }

  private:
    size_t mask() const { return bins_.size() - 1; }

    std::vector<std::vector<Event>> bins_ = std::vector<std::vector<Event>>(4);  // a ring, 2^n
    size_t now_ = 0;                                                             // the open bin
    double t0_ = 0;                                                              // ms, its start
    double late_ = 1e-9;                                                         // ms
    bool open_ = false;                                                          // since clear()
};

struct Wire {
    int32_t row, channel;  // of the target
    float weight, delay;   // uS, ms
};

// All connections that begin at the rows of one population: 16 bytes each, 24 more of a plastic
// one, sorted by source.
class Wires {
  public:
    // Throws InputError, and has then added none.
    void connect(int sources, const int32_t* source, const std::shared_ptr<Agenda>& target,
                 const std::vector<Wire>& wires, const Plasticity& plasticity);
    // Plastic ones as if nothing had been sent.
    void rest();
    // Spikes of the bin [t0, t0 + 1); an event that would lie in it is put off to its end.
    void send(double t0, const Spike* spikes, size_t n);
    size_t size() const;
    void clear();

    void save(EngineState& to);
    void load(const EngineState& from);

  private:
    // Those that lead to one population, of one plasticity.
    struct Outlet {
        std::weak_ptr<Agenda> target;  // gone with its engine
        Plasticity plasticity;
        std::vector<size_t> first;  // [sources + 1]
        std::vector<Wire> wires;
        std::vector<double> releases;      // [wires, 3] state of plastic ones, else empty
        std::vector<int32_t> new_sources;  // not yet sorted in
        std::vector<Wire> new_wires;
    };
    static void sort_in(Outlet& outlet);

    std::vector<Outlet> outlets_;
};

}  // namespace ann
