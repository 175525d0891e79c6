#include "course.h"

#include <algorithm>
#include <cmath>

#include "model.h"

namespace ann {

static double at(const Waveform& w, double since) {
    const double x = (since - w.start) / w.dt;
    const size_t i = std::min(size_t(x), w.v.size() - 2);
    return w.v[i] + (w.v[i + 1] - w.v[i]) * (x - double(i));
}

static double end(const Waveform& w) {
    return w.v.empty() ? 0 : w.start + w.dt * double(w.v.size() - 1);
}

static Peak peak_of(const Waveform& w, double spike) {
    return {spike, spike + w.start, spike + end(w), w.v.front(), w.v.back()};
}

// An edge below the template's ends is below the clip: the action potential has yet to begin, or
// is over.
static void cut(Peak& p, double edge, double v, const Waveform& w) {
    if (v > std::min(w.v.front(), w.v.back()) - 1e-6) return;
    if (edge < p.spike && edge > p.from) p.from = edge, p.v_from = v;
    if (edge > p.spike && edge < p.until) p.until = edge, p.v_until = v;
}

// The template, bent over the bin beside each end to meet the voltage there.
static double shape(const Peak& p, const Waveform& w, double t) {
    const double a = std::max(p.spike, p.until - bin), b = std::min(p.spike, p.from + bin);
    double v = at(w, t - p.spike);
    if (t > a) v += (t - a) / (p.until - a) * (p.v_until - at(w, p.until - p.spike));
    if (t < b) v += (b - t) / (b - p.from) * (p.v_from - at(w, p.from - p.spike));
    return v;
}

static bool inside(const Peak& p, double t) {
    return t >= p.from && t <= p.until;
}

Knots knots(const Course& c, double edge) {
    Knots out;
    for (int i = 0; i < 3; ++i) {
        const double t = edge - bin * (2 - i);
        const bool hidden = std::any_of(c.peaks.begin(), c.peaks.end(),
                                        [&](const Peak& p) { return inside(p, t); });
        if (!hidden) out.push_back({t, c.v[i]});
    }
    for (const Peak& p : c.peaks) {
        out.push_back({p.from, p.v_from});
        out.push_back({p.until, p.v_until});
    }
    std::sort(out.begin(), out.end());
    return out;
}

double voltage(const Course& c, const Waveform& w, const Knots& k, double t) {
    for (auto p = c.peaks.rbegin(); p != c.peaks.rend(); ++p)
        if (inside(*p, t)) return shape(*p, w, t);
    auto b = std::lower_bound(k.begin(), k.end(), std::make_pair(t, -1e9));
    if (b == k.begin()) return k.front().second;
    if (b == k.end()) return k.back().second;
    if (b->first == t) return b->second;
    const auto a = b - 1;
    const double x = b->first > a->first ? (t - a->first) / (b->first - a->first) : 1;
    return a->second + x * (b->second - a->second);
}

void go_on(Course& c, double edge, double v, const Waveform& w, const std::vector<Spike>& spikes,
           int row) {
    c.v[0] = c.v[1];
    c.v[1] = c.v[2];
    c.v[2] = v;
    const auto old = std::remove_if(c.peaks.begin(), c.peaks.end(),
                                    [&](const Peak& p) { return p.until < edge - 2 * bin; });
    c.peaks.erase(old, c.peaks.end());
    for (const Spike& s : spikes)
        if (s.row == row && w.v.size() > 1) c.peaks.push_back(peak_of(w, s.t));
    for (Peak& p : c.peaks)
        for (int i = 0; i < 3; ++i) cut(p, edge - bin * (2 - i), c.v[i], w);
}

}  // namespace ann
