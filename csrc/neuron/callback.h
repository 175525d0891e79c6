// A population whose step is a Python function: the double that the tests of the coupling use.
#pragma once
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>

#include "../population.h"
#include "nrnapi.h"

namespace ann {

// function(t0, [(row, channel, weight, t), ...]) -> ([v of each row], [(row, t of spike), ...])
class CallbackPopulation : public Population {
  public:
    CallbackPopulation(pybind11::function f, int rows, int channels, double threshold,
                       Waveform waveform)
        : function(std::move(f)),
          rows_(rows),
          channels_(channels),
          threshold_(threshold),
          waveform_(std::move(waveform)) {}
    int rows() const override { return rows_; }
    int channels() const override { return channels_; }
    const Waveform& waveform() const override { return waveform_; }
    double threshold() const override { return threshold_; }
    void resize(int rows) override { rows_ = rows; }
    void reset() override {}

    void launch(double t0, const Event* events, size_t n) override {
        t0_ = t0;
        events_.assign(events, events + n);
        launches.push_back({t0, nrn_threads->_t});
    }
    void collect(double* v_end, std::vector<Spike>& spikes) override {
        pybind11::gil_scoped_acquire python;
        try {
            pybind11::list list;
            for (const Event& e : events_)
                list.append(pybind11::make_tuple(e.row, e.channel, e.weight, e.t));
            const pybind11::tuple out = function(t0_, list);
            const auto v = out[0].cast<std::vector<double>>();
            std::copy_n(v.begin(), rows_, v_end);
            for (const auto& [row, t] : out[1].cast<std::vector<std::pair<int, double>>>())
                spikes.push_back({t, row});
        } catch (pybind11::error_already_set& e) {
            throw std::runtime_error(e.what());
        }
    }

    std::vector<std::pair<double, double>> launches;  // t0, and NEURON's t at the time, ms

  private:
    pybind11::function function;
    int rows_, channels_;
    double threshold_;
    Waveform waveform_;
    double t0_ = 0;  // ms, of the bin that was launched
    std::vector<Event> events_;
};

}  // namespace ann
