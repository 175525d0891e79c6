// The line itself: events -> traces -> outputs -> spikes and voltages, for all rows of a bundle.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "event_buffer.h"
#include "population.h"
#include "rows.h"
#include "state.h"
#include "wires.h"

namespace ann {

class Engine final : public Population {
  public:
    Engine(const Spec& spec, const Backend& backend, int rows);

    int rows() const override { return rows_; }
    int channels() const override { return channels_; }
    const Waveform& waveform() const override { return ap_; }
    double threshold() const override { return threshold_; }
    void resize(int rows) override;
    void reset() override;
    void follow_dt(double dt) override { agenda_->set_late(dt / 2 - 1e-9); }
    void launch(double t0, const Event* events, size_t n) override;
    void collect(double* v_end, std::vector<Spike>& spikes) override;

    // Spikes of rows source[i] become events of the target's rows. Throws InputError, and has then
    // added none. Connections last until either engine is resized.
    void connect(const int32_t* source, Engine& target, const std::vector<Wire>& wires,
                 const Plasticity& plasticity);
    size_t connections() const { return wires_.size(); }

    // Adds events that come at their times in this run, where they lie ahead, and in every later
    // one, until the engine is resized. Throws InputError, and has then added none.
    void play(const std::vector<Event>& events);

    // Of all rows, between two bins; not their connections, nor what is played. A state that this
    // engine cannot have is an InputError, and changes nothing.
    EngineState save();
    void load(const EngineState& from);

    std::vector<float> outputs() { return computed_->outputs(); }  // rows.h
    DeviceArray on_device(const std::string& name) const { return computed_->on_device(name); }

  private:
    void take(double t0, const Event* events, size_t n);
    void rewind();

    NetworkSizes sizes_;
    int rows_ = 0, channels_;
    bool feedback_;
    double t0_ = 0;                // ms, of the bin that was launched
    std::vector<Spike> fed_back_;  // the last bin's spikes, of a network that hears its own
    EventBuffer events_;
    std::shared_ptr<Agenda> agenda_ = std::make_shared<Agenda>();  // for others' wires, too
    Wires wires_;
    std::vector<Event> played_;  // by time
    bool in_order_ = true;       // not so since the last `play`
    size_t next_played_ = 0;
    Waveform ap_;
    double threshold_;  // mV
    std::unique_ptr<Rows> computed_;
};

}  // namespace ann
