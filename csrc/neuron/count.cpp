// APCount on a replaced cell: a BREAKPOINT mechanism, so it stays at 0 on a parked soma unless
// spikes are counted for it.
#include <unordered_set>

#include "model.h"

namespace ann {

int counter_type() {
    static const int type = nrn_get_mechtype("APCount");
    return type;
}

int parameter(const char* mechanism, const char* name) {
    return hoc_table_lookup(name, hoc_lookup(mechanism)->u.ctemplate->symtable)->u.rng.index;
}

static std::unordered_set<void*> vectors() {
    std::unordered_set<void*> out;
    hoc_List* all = hoc_lookup("Vector")->u.ctemplate->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next) out.insert(q->element.obj->u.this_pointer);
    return out;
}

static std::unordered_set<void*> known;  // Vectors

// APCount.record(vec), which may be called at any time, keeps vec's address in the bits of the
// double behind `firing`.
static IvocVect* recording(Prop* p) {
    static const int index = parameter("APCount", "firing") + 1;
    void* bits;
    std::memcpy(&bits, &_nrn_mechanism_access_param(p, index), sizeof bits);
    if (bits && !known.count(bits)) known = vectors();
    return known.count(bits) ? static_cast<IvocVect*>(bits) : nullptr;
}

static std::pair<int, int> made_and_left() {
    static const cTemplate* t = hoc_lookup("APCount")->u.ctemplate;
    return {t->index, t->count};
}

static std::pair<int, int> seen;

bool counters_changed() {
    return made_and_left() != seen;
}

void find_counters() {
    for (Cell& c : model().cells) c.counters.clear();
    for (Counts& c : model().counts) c.counters_off = 0;
    seen = made_and_left();
    known.clear();
    hoc_List* all = nrn_pnt_template_[counter_type()]->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next) {
        auto* p = static_cast<Point_process*>(q->element.obj->u.this_pointer);
        const auto it = p->sec ? model().cell_of.find(p->sec) : model().cell_of.end();
        if (it == model().cell_of.end()) continue;
        const Cell& c = model().cells[it->second];
        const double threshold =
            _nrn_mechanism_access_param(p->prop, parameter("APCount", "thresh"));
        model().counts[it->second].counters_off +=
            p->sec != c.soma.section || threshold != group_of(c).population->threshold();
        model().cells[it->second].counters.push_back(
            {p->prop, parameter("APCount", "n"), parameter("APCount", "time")});
    }
    for (size_t c = 0; c < model().cells.size(); ++c)
        model().counts[c].counters = long(model().cells[c].counters.size());
}

void restart_counters() {
    for (const Cell& c : model().cells)
        for (const Counter& k : c.counters) {
            _nrn_mechanism_access_param(k.prop, k.n) = 0;
            if (IvocVect* times = recording(k.prop)) vector_resize(times, 0);
        }
}

void count_spike(const Counter& k, double t) {
    double& n = _nrn_mechanism_access_param(k.prop, k.n);
    n += 1;
    _nrn_mechanism_access_param(k.prop, k.time) = t;
    IvocVect* times = recording(k.prop);
    if (!times) return;
    vector_resize(times, int(n));
    vector_vec(times)[int(n) - 1] = t;
}

}  // namespace ann
