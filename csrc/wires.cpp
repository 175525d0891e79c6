#include "wires.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>

#include "errors.h"

namespace ann {
namespace {

constexpr double longest_delay = 1e5;  // ms

void check(size_t i, int sources, int32_t source, const Wire& w) {
    const std::string which = " in connection " + std::to_string(i);
    if (source < 0 || source >= sources)
        throw InputError("expected a source row in 0 .. " + std::to_string(sources - 1) + ", got " +
                         std::to_string(source) + which);
    if (!(std::fabs(w.weight) <= FLT_MAX))
        throw InputError("expected a finite weight (uS), got " + written(w.weight) + which);
    if (!(w.delay >= 0 && w.delay <= longest_delay))
        throw InputError("expected a delay of 0 .. " + written(longest_delay) + " ms, got " +
                         written(w.delay) + which);
}

void check(const Plasticity& p) {
    if (!(p.U >= 0 && p.U <= 1)) throw InputError("expected U of 0 .. 1, got " + written(p.U));
    for (double tau : {p.tau_rec, p.tau_fac})
        if (!(tau >= 0 && tau <= DBL_MAX))
            throw InputError("expected tau_rec and tau_fac >= 0 ms, got " + written(tau));
}

}  // namespace

void Agenda::reserve(double delay) {
    size_t size = bins_.size();
    while (double(size) < delay + 3) size *= 2;
    if (size == bins_.size()) return;
    std::vector<std::vector<Event>> larger(size);
    for (size_t ahead = 0; ahead < bins_.size(); ++ahead)
        larger[(now_ + ahead) & (size - 1)].swap(bins_[(now_ + ahead) & mask()]);
    bins_.swap(larger);
}

void Agenda::clear() {
    for (auto& bin : bins_) bin.clear();
    open_ = false;
}

void Agenda::open(double t0) {
    if (t0 != std::floor(t0))
        throw InputError("expected the bins of connected rows to start at whole ms, got t0 = " +
                         written(t0));
    if (open_ && t0 < t0_)
        throw InputError("expected connected rows to go on from t = " + written(t0_) +
                         " ms, got t0 = " + written(t0) + ": reset them to start again");
    const size_t skipped =
        open_ ? size_t(std::min(t0 - t0_, double(bins_.size() - 1))) : 0;  // the ring, once around
    std::vector<Event> late;
    for (size_t i = 0; i < skipped; ++i) {
        auto& bin = bins_[(now_ + i) & mask()];
        late.insert(late.end(), bin.begin(), bin.end());
        bin.clear();
    }
    now_ += skipped;
    due().insert(due().end(), late.begin(), late.end());
    t0_ = t0;
    open_ = true;
}

void Agenda::save(EngineState& to) const {
    if (open_) to.agenda_open = {t0_};
    for (size_t ahead = 0; ahead < bins_.size(); ++ahead)
        for (const Event& e : bins_[(now_ + ahead) & mask()]) {
            to.due_ahead.push_back(int32_t(ahead));
            to.due_row.push_back(e.row);
            to.due_channel.push_back(e.channel);
            to.due_weight.push_back(e.weight);
            to.due_t.push_back(e.t);
        }
}

void Agenda::load(const EngineState& from) {
    clear();
    open_ = !from.agenda_open.empty();
    if (open_) t0_ = from.agenda_open[0];
    for (size_t i = 0; i < from.due_t.size(); ++i) {
        reserve(from.due_ahead[i]);
        bins_[(now_ + size_t(from.due_ahead[i])) & mask()].push_back(
            {from.due_t[i], from.due_weight[i], from.due_row[i], from.due_channel[i]});
    }
}

void Wires::connect(int sources, const int32_t* source, const std::shared_ptr<Agenda>& target,
                    const std::vector<Wire>& wires, const Plasticity& plasticity) {
    check(plasticity);
    float longest = 0;
    for (size_t i = 0; i < wires.size(); ++i) {
        check(i, sources, source[i], wires[i]);
        longest = std::max(longest, wires[i].delay);
    }
    target->reserve(longest);
    auto outlet = std::find_if(outlets_.begin(), outlets_.end(), [&](const Outlet& o) {
        return o.target.lock() == target && o.plasticity == plasticity;
    });
    if (outlet == outlets_.end()) {
        outlets_.emplace_back();
        outlet = outlets_.end() - 1;
        outlet->target = target;
        outlet->plasticity = plasticity;
        outlet->first.assign(size_t(sources) + 1, 0);
    }
    outlet->new_sources.insert(outlet->new_sources.end(), source, source + wires.size());
    outlet->new_wires.insert(outlet->new_wires.end(), wires.begin(), wires.end());
}

// A counting sort: a source's wires stay in the order in which they were made.
void Wires::sort_in(Outlet& o) {
    std::vector<size_t> first(o.first.size(), 0);
    for (int32_t s : o.new_sources) ++first[size_t(s) + 1];
    for (size_t s = 1; s < first.size(); ++s)
        first[s] += first[s - 1] + o.first[s] - o.first[s - 1];
    std::vector<Wire> sorted(o.wires.size() + o.new_wires.size());
    std::vector<double> releases(o.plasticity.U > 0 ? 3 * sorted.size() : 0);
    std::vector<size_t> next(first.begin(), first.end() - 1);
    for (size_t s = 0; s < next.size(); ++s) {
        const auto from = o.wires.begin() + std::ptrdiff_t(o.first[s]);
        const auto to = o.wires.begin() + std::ptrdiff_t(o.first[s + 1]);
        std::copy(from, to, sorted.begin() + std::ptrdiff_t(next[s]));
        if (!releases.empty())
            std::copy_n(o.releases.data() + 3 * o.first[s], 3 * size_t(to - from),
                        releases.data() + 3 * next[s]);
        next[s] += size_t(to - from);
    }
    for (size_t i = 0; i < o.new_wires.size(); ++i)
        sorted[next[size_t(o.new_sources[i])]++] = o.new_wires[i];
    o.first.swap(first);
    o.wires.swap(sorted);
    o.releases.swap(releases);
    std::vector<int32_t>().swap(o.new_sources);
    std::vector<Wire>().swap(o.new_wires);
}

void Wires::send(double t0, const Spike* spikes, size_t n) {
    const double now = t0 + bin_ms;
    for (Outlet& o : outlets_) {
        const std::shared_ptr<Agenda> target = o.target.lock();
        if (!target) continue;
        if (!o.new_wires.empty()) sort_in(o);
        if (!target->is_open()) target->open(t0);
        for (size_t i = 0; i < n; ++i) {
            const size_t row = size_t(spikes[i].row);
            const Wire* w = o.wires.data() + o.first[row];
            const Wire* end = o.wires.data() + o.first[row + 1];
            double* release = o.releases.empty() ? nullptr : o.releases.data() + 3 * o.first[row];
            for (; w != end; ++w) {
                const double t = std::max(now, spikes[i].t + double(w->delay));
                double weight = w->weight;
                if (release) {
                    weight = effective(o.plasticity, weight, release, t);
                    release += 3;
                }
                target->add(t, weight, w->row, w->channel);
            }
        }
    }
}

size_t Wires::size() const {
    size_t n = 0;
    for (const Outlet& o : outlets_)
        if (!o.target.expired()) n += o.wires.size() + o.new_wires.size();
    return n;
}

void Wires::clear() {
    outlets_.clear();
}

void Wires::rest() {
    for (Outlet& o : outlets_) std::fill(o.releases.begin(), o.releases.end(), 0.);
}

void Wires::save(EngineState& to) {
    for (Outlet& o : outlets_) {
        if (o.target.expired()) continue;
        if (!o.new_wires.empty()) sort_in(o);
        to.releases.insert(to.releases.end(), o.releases.begin(), o.releases.end());
    }
}

void Wires::load(const EngineState& from) {
    auto next = from.releases.begin();
    for (Outlet& o : outlets_) {
        if (o.target.expired()) continue;
        std::copy_n(next, o.releases.size(), o.releases.begin());
        next += std::ptrdiff_t(o.releases.size());
    }
}

}  // namespace ann
