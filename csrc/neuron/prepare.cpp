#include "prepare.h"

#include "park.h"

namespace ann {

static void refresh_threads() {
    static NrnThread* threads = nullptr;
    static int count = 0;
    const bool stale = threads && (threads != nrn_threads || count != nrn_nthread);
    threads = nrn_threads;
    count = nrn_nthread;
    if (!stale) return;
    park({}, nullptr);  // parked sections still point to freed threads: one set-up with them renews it
    set_up_structure();
}

static void park_cells(Section* anchor) {
    Model& m = model();
    std::vector<Section*> sections;
    m.cell_of.clear();
    for (size_t c = 0; c < m.cells.size(); ++c) {
        m.cells[c].sections = tree(m.cells[c].sections.front());
        for (Section* s : m.cells[c].sections) {
            m.cell_of[s] = int(c);
            sections.push_back(s);
        }
    }
    refresh_threads();
    park(sections, anchor);
    set_up_structure();
}

static void restore_all() {
    stop_clock();
    unhook();
    model() = {};
    park({}, nullptr);
}

Prepared prepare(std::vector<Cell> cells, std::vector<Group> groups,
                 std::vector<std::vector<Rule>> rules, Section* anchor) {
    Prepared out{};
    Model& m = model();
    unhook();
    const bool active = m.active;
    m = {std::move(cells), std::move(groups), std::move(rules), {}, active};
    if (m.cells.empty()) {
        restore_all();
        return out;
    }
    park_cells(anchor);
    start_clock();
    find_counters(out.counts);
    map_synapses(out.counts, out.strangers, out.per_channel);
    find_sources(out.counts);
    strip_thresholds();
    find_recordings(out.counts);
    out.counts.sections = long(m.cell_of.size());
    out.nodes = size_t(nrn_threads[0].end);
    return out;
}

}  // namespace ann
