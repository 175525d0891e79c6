#include "prepare.h"

#include "park.h"

namespace ann {

static bool threaded(Section* s) {
    for (int i = 0; i < _nrn_mechanism_get_nnode(s); ++i)
        if (_nrn_mechanism_get_thread(_nrn_mechanism_get_node(s, i)) != nrn_threads) return false;
    return true;
}

// NEURON looks at the thread of a source's node even where the node is in no thread's solver: a
// section that never was in a set-up (made since, or nseg changed), or not since the threads were
// made anew, needs one first.
static void park_cells(Section* anchor) {
    Model& m = model();
    std::vector<Section*> sections, ready;
    m.cell_of.clear();
    for (size_t c = 0; c < m.cells.size(); ++c) {
        m.cells[c].sections = tree(m.cells[c].sections.front());
        for (Section* s : m.cells[c].sections) {
            m.cell_of[s] = int(c);
            sections.push_back(s);
            if (threaded(s)) ready.push_back(s);
        }
    }
    if (ready.size() < sections.size()) {
        park(ready, anchor);
        set_up_structure();
    }
    park(sections, anchor);
    set_up_structure();
}

static void restore_all() {
    stop_clock();
    unhook();
    model() = {};
    park({}, nullptr);
}

static void count_sections() {
    const int extracellular = nrn_get_mechtype("extracellular");
    for (const auto& [section, cell] : model().cell_of) {
        Counts& counts = model().counts[cell];
        ++counts.sections;
        counts.extracellular +=
            nrn_mechanism(extracellular, _nrn_mechanism_get_node(section, 0)) != nullptr;
    }
}

static long parked_nodes() {
    long n = 0;
    for (const Cell& c : model().cells) {
        ++n;  // the root node
        for (Section* s : c.sections) n += _nrn_mechanism_get_nnode(s);
    }
    return n;
}

Prepared prepare(std::vector<Cell> cells, std::vector<Group> groups,
                 std::vector<std::vector<Rule>> rules, Section* anchor) {
    Prepared out{};
    Model& m = model();
    unhook();
    const bool active = m.active;
    m = {std::move(cells), std::move(groups), std::move(rules), {}, {}, active};
    if (m.cells.empty()) {
        restore_all();
        return out;
    }
    m.counts.resize(m.cells.size());
    park_cells(anchor);
    count_sections();
    start_clock();
    find_counters();
    out.strangers = map_synapses();
    find_sources();
    strip_thresholds();
    find_recordings();
    out.counts = m.counts;
    out.nodes_after = nrn_threads[0].end;
    out.nodes_before = out.nodes_after + parked_nodes();
    return out;
}

}  // namespace ann
