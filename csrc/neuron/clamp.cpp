// A current clamp on a replaced cell, where its bundle has a channel for it: the current of each
// stretch of a bin in which it is constant becomes an event in the middle of the stretch, whose
// weight is the charge.
#include "model.h"

namespace ann {

struct Clamp {
    Point_process* point;
    Section* section;
    int cell, group, row, channel;
    double since, current;  // ms, nA: the stretch under way
    double sample;          // nA, in the middle of the step
};

static std::vector<Clamp> clamps;

int clamp_type() {
    static const int type = nrn_get_mechtype("IClamp");
    return type;
}

void forget_clamps() {
    clamps.clear();
}

void add_clamp(Point_process* p, int cell, int row, int channel) {
    const int group = model().cells[cell].group;
    clamps.push_back({p, p->sec, cell, group, row, channel, stepped(), 0, 0});
}

std::vector<Input> clamp_inputs() {
    std::vector<Input> out;
    for (const Clamp& c : clamps) out.push_back({c.cell, c.channel, hoc_object_name(c.point->ob)});
    return out;
}

static void close(Clamp& c, double now, double current) {
    if (c.current != 0 && now > c.since)
        model().groups[c.group].events.push_back(
            {(c.since + now) / 2, c.current * (now - c.since), c.row, c.channel});
    c.since = now;
    c.current = current;
}

void restart_clamps() {
    for (Clamp& c : clamps) c.since = c.current = c.sample = 0;
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

void close_clamps(double edge) {
    for (Clamp& c : clamps) close(c, edge, c.current);
}

}  // namespace ann
