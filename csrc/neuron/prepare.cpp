#include "prepare.h"

#include <algorithm>
#include <cmath>

#include "fan.h"
#include "flight.h"
#include "park.h"

namespace ann {

static bool threaded(Section* s) {
    for (int i = 0; i < _nrn_mechanism_get_nnode(s); ++i)
        if (_nrn_mechanism_get_thread(_nrn_mechanism_get_node(s, i)) != nrn_threads) return false;
    return true;
}

// NEURON looks at the thread of a source's section and node wherever they are: what never was in a
// set-up (made since, or nseg changed), or not since the threads were made anew, needs one first.
static void park_cells(Section* anchor) {
    Model& m = model();
    std::vector<Section*> sections, ready;
    m.cell_of.clear();
    for (size_t c = 0; c < m.cells.size(); ++c) {
        auto& own = m.cells[c].sections;
        own = tree(own.front());
        for (Section* s : own) m.cell_of[s] = int(c);
        sections.insert(sections.end(), own.begin(), own.end());
        // whole trees only: NEURON cannot order half of one
        if (std::all_of(own.begin(), own.end(), threaded))
            ready.insert(ready.end(), own.begin(), own.end());
    }
    if (ready.size() < sections.size()) {
        park(ready, anchor);
        set_up_structure();
    }
    park(sections, anchor);
    set_up_structure();
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

// A section that is solved, its voltage, and NaN in its place until NEURON's finitialize(v)
// overwrites it.
static Handle start_probe;
static double start_kept;

static void mark_start() {
    start_probe = nrn_rangepointer(section_list->next->element.sec, hoc_lookup("v"), 0.5);
    double& v = *static_cast<double*>(start_probe);
    start_kept = v;
    v = NAN;
}

double start_voltage() {
    if (!start_probe) return NAN;
    double& v = *static_cast<double*>(start_probe);
    const double set = v;
    if (std::isnan(v)) v = start_kept;
    return set;
}

Prepared prepare(std::vector<Cell> cells, std::vector<Group> groups, std::vector<Rules> rules,
                 Section* anchor) {
    Prepared out{};
    Model& m = model();
    start_voltage();  // back, if a finitialize was refused before NEURON set it
    unhook();
    forget_flights();
    forget_callbacks();
    m = {};
    m.cells = std::move(cells);
    m.groups = std::move(groups);
    m.rules = std::move(rules);
    if (m.groups.empty()) {
        stop_clock();
        park({}, anchor);
        return out;
    }
    m.counts.resize(m.cells.size());
    park_cells(anchor);
    count_sections();
    start_clock();
    find_counters();
    out.strangers = map_synapses();
    find_sources();
    find_recordings();
    out.counts = m.counts;
    out.fault = m.fault;
    out.nodes_after = nrn_threads[0].end;
    out.nodes_before = out.nodes_after + parked_nodes();
    mark_start();
    return out;
}

}  // namespace ann
