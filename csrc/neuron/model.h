// The replaced part of the NEURON model, as one plain struct that the stages hook -> step -> emit
// -> record share. Rebuilt at every finitialize from what the user has made by then; NEURON's state
// is global, so is this.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "../population.h"
#include "nrnapi.h"

namespace ann {

constexpr double bin = bin_ms;

// A section and the data handle of its v(0.5); the handle dies with the section.
struct Soma {
    Section* section;
    Handle v;
};

// An APCount on a parked soma, whose own code never runs: its n, time and record() vector are kept
// for it.
struct Counter {
    Prop* prop;
    int n, time;  // indices of its parameters
};

struct Cell {
    int group, row;
    Soma soma;
    std::vector<Section*> sections;                      // the whole tree, parked
    std::vector<std::pair<Section*, double>> locations;  // where channel locations lie on this cell
    std::vector<PreSyn*> sources;
    std::vector<Counter> counters;
};

// Events of one channel of a row since finitialize.
struct Received {
    long events = 0, outside = 0;  // outside: their weight was not in the training range
};

// An artificial cell of NEURON's that stands for a row without a cell: NetCons lead to it, or,
// where channel is -1, from it.
struct Tap {
    Point_process* point;
    int row, channel;
};

// A node of a row's soma: its v is written.
struct SomaNode {
    int row;
    Handle v;
};

// One population of the engine: the cells of one bundle, or rows without cells.
struct Group {
    Population* population;
    double v_init;                                   // mV
    std::vector<std::pair<double, double>> weights;  // uS, training range by channel
    std::vector<int> cells;                          // row -> index in Model::cells, if any
    std::vector<SomaNode> nodes;                     // of its cells, by row
    std::vector<std::pair<int, double*>> written;    // row and address of each node's v
    std::vector<Tap> taps;                           // of rows without cells, by row
    std::vector<Event> events;                       // delivered, not yet stepped over
    std::vector<double> v;                           // [rows] mV, at the last bin edge
    std::vector<Spike> spikes;                       // of the bin just stepped over
    bool heard = false;  // by NEURON, at the bin's end: it has cells, or taps that spikes leave by
    bool launched = false;           // its bin is under way, or waits to be collected
    std::vector<Spike> sent;         // of rows without cells, since finitialize
    std::vector<Received> received;  // [cells, channels], since finitialize
};

// A synapse that a bundle accepts at some location: its mechanism's type, and the values its
// parameters must have.
struct Rule {
    int type, channel;
    std::vector<std::pair<int, double>> parameters;  // index in the mechanism's parameters, value
};

using Rules = std::vector<std::vector<Rule>>;  // by location

// A point process on a parked section that no rule takes.
struct Stranger {
    std::string mechanism, object, section;
    int cell;
};

// What was found on one cell.
struct Counts {
    long sections = 0, synapses = 0, netcons = 0, sources = 0, recordings = 0, counters = 0;
    long extracellular = 0;  // sections that have it
    long counters_off = 0;   // APCounts not on the soma, or with another threshold
    long sources_off_soma = 0, thresholds = 0, short_delays = 0, outside_weights = 0;
    long recordings_stale = 0;
    double lateness = 0;       // ms, summed over the short delays
    int outside_channel = -1;  // of the first weight that is outside its range
    double outside_uS = 0;
};

// A synapse of a replaced cell and the channel that takes its events.
struct Input {
    int cell, channel;
    std::string object;
};

// What one channel of a cell has received since finitialize.
struct Load {
    int cell, channel;
    Received received;
};

// Spike exchange between MPI ranks.
struct Exchange {
    double user_step = 0;    // ms, what set_maxstep returned last; 0: never called
    bool off_edges = false;  // it was called since align(), and takes the exchange off the bins
    bool aligned = false;    // some rank has replaced cells
};

struct Model {
    std::vector<Cell> cells;
    std::vector<Group> groups;
    std::vector<Rules> rules;    // one a group
    std::vector<Counts> counts;  // one a cell
    std::unordered_map<Section*, int> cell_of;
    std::string fault;     // of a NetCon, as it was found at finitialize; empty: none
    std::string refused;   // why a finitialize was, once cells were parked; no step until another
    std::string stranger;  // made since, and why there is no step while it is there
    bool active = false;
    bool retiring = false;  // no surrogate is left, from the next finitialize on
};

Model& model();

inline Group& group_of(const Cell& c) {
    return model().groups[c.group];
}

// ---- stages, one file each ----
std::vector<Stranger> map_synapses();  // hook.cpp
std::vector<Input> mapped_inputs();
void unhook();
int find_port(const Point_process*);  // -1: none
int times_mapped();                   // ports of another count are others
void prefetch_port(int port);
void prefetch_plasticity(int port);  // of a port that is there
bool any_plastic();
void land(int port, double* weight, double t);
void find_sources();  // emit.cpp
void watch_netcons(bool on);
void note_netcon();     // made or deleted
void follow_sources();  // after NetCons came or went
void emit(int cell, double t, double now);
void emit(Point_process* tap, double t, double now);
int clamp_type();  // clamp.cpp
void forget_clamps();
void add_clamp(Point_process*, int cell, int row, int channel, double now);
int clamp_channel(const Point_process*);  // -1: not a mapped clamp
void restart_clamps();
void sample_clamps(double t);     // in the middle of each step
void follow_clamps(double step);  // at its end: when it began
void close_clamps(double now);    // their charge so far becomes events
void skip_clamps(double now);
int parameter(const char* mechanism, const char* name);  // count.cpp
int counter_type();
void find_counters();
bool counters_changed();
void restart_counters();
void count_spike(const Counter&, double t);
using Addresses = std::unordered_map<const double*, long>;  // recorded variables: recorders of each
void count_stale(const Addresses&);                         // stale.cpp
void find_recordings();                                     // record.cpp
void watch_recordings(bool on);
void restart_recordings();
void restart_steps(double t);
void note_step(double now);
void patch_recordings(double now);
bool alive(Section*);  // nodes.cpp
void find_sections();
void bind_nodes();
void write_voltages();  // at the end of a step
void write_voltages_between_steps();
std::vector<Load> loads();      // launch.cpp
void launch_bin(double edge);   // of all groups, unless it was: the bin that ends there (ms)
void collect_bin(double edge);  // its results where NEURON hears them
void settle();                  // the last bin's results of all rows are here; with the GIL
std::vector<Spike> sent(size_t group);       // after it, of rows without cells
std::vector<double> voltages(size_t group);  // and mV of all
void drop_launched();                        // they never come
double stepped();                            // clock.cpp; ms, up to the last bin's end
double last_step();                          // ms, its end
void land_delivered();                       // all events that NEURON has delivered by now
void start_clock();
void stop_clock();
void set_exchange_delay(double ms);  // emit.cpp: shortest delay between ranks
void watch_exchange();
bool exchanged();
Exchange& exchange();  // exchange.cpp

}  // namespace ann
