// A current clamp on a replaced cell, where its bundle has a channel for it: the current of each
// stretch of a bin in which it is constant becomes an event in the middle of the stretch, whose
// weight is the charge.
#include "model.h"
#include "state.h"

namespace ann {

struct Clamp {
    Point_process* point;
    Section* section;
    int group, row, channel;
    double since, current;  // ms, nA: the stretch under way
    double sample;          // nA, in the middle of the step
};

static std::vector<Clamp> clamps;

int clamp_type() {
    static const int type = nrn_get_mechtype("IClamp");
    return type;
}

static void close(Clamp& c, double now, double current) {
    if (c.current != 0 && now > c.since)
        model().groups[c.group].events.push_back(
            {(c.since + now) / 2, c.current * (now - c.since), c.row, c.channel});
    c.since = now;
    c.current = current;
}

void forget_clamps() {
    clamps.clear();
}

void add_clamp(Point_process* p, int cell, int row, int channel, double now) {
    clamps.push_back({p, p->sec, model().cells[cell].group, row, channel, now, 0, 0});
}

int clamp_channel(const Point_process* p) {
    for (const Clamp& c : clamps)
        if (c.point == p && c.section == p->sec) return c.channel;
    return -1;
}

void restart_clamps() {
    for (Clamp& c : clamps) c.since = c.current = c.sample = 0;
}

void save_clamps(CouplingState& to) {
    for (const Clamp& c : clamps) to.clamps.insert(to.clamps.end(), {c.since, c.current, c.sample});
}

void load_clamps(const CouplingState& from) {
    for (size_t i = 0; i < clamps.size(); ++i) {
        clamps[i].since = from.clamps[3 * i];
        clamps[i].current = from.clamps[3 * i + 1];
        clamps[i].sample = from.clamps[3 * i + 2];
    }
}

size_t clamps_mapped() {
    return clamps.size();
}

// Time that no bin covers: a warm-up, or t set forward.
void skip_clamps(double now) {
    for (Clamp& c : clamps) c.since = now;
}

// As IClamp's own BREAKPOINT has it; t is in the middle of the step, where a played amplitude
// is set for the currents' sake.
void sample_clamps(double t) {
    static const int amp = parameter("IClamp", "amp"), del = parameter("IClamp", "del"),
                     dur = parameter("IClamp", "dur");
    for (Clamp& c : clamps) {
        if (c.section != c.point->sec) continue;
        const auto value = [&](int i) { return _nrn_mechanism_access_param(c.point->prop, i); };
        c.sample = t >= value(del) && t < value(del) + value(dur) ? value(amp) : 0;
    }
}

void follow_clamps(double step) {
    for (Clamp& c : clamps)
        if (c.sample != c.current) close(c, step, c.sample);
}

void close_clamps(double now) {
    for (Clamp& c : clamps) close(c, now, c.current);
}

}  // namespace ann
