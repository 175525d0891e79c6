// The replaced cells' sections and somas in NEURON's structure, which moves.
#include <algorithm>

#include "model.h"
#include "park.h"

namespace ann {

bool alive(Section* s) {
    return *secname(s) != 0;
}

// NEURON moves no node while it steps, and sets up its structure anew before the step after it
// has: addresses hold from one step to the next. But CVode.poolshrink moves all of them together.
static bool moved = true;

static bool stays(const Group& g) {
    return g.written.empty() ||
           static_cast<const double*>(g.nodes.front().v) == g.written.front().second;
}

static void find_addresses() {
    for (Group& g : model().groups) {
        g.written.clear();
        for (auto& [row, v] : g.nodes)
            if (auto* at = static_cast<double*>(v)) g.written.push_back({row, at});
    }
    moved = false;
}

void write_voltages() {
    if (moved || !std::all_of(model().groups.begin(), model().groups.end(), stays))
        find_addresses();
    for (Group& g : model().groups)
        for (const auto& [row, at] : g.written) *at = g.v[size_t(row)];
}

void write_voltages_between_steps() {
    moved = true;
    write_voltages();
    moved = true;
}

static void bind_nodes(Group& g, int row) {
    Cell& c = model().cells[size_t(g.cells[size_t(row)])];
    Section* soma = c.soma.section;
    if (!alive(soma)) return;
    Symbol* v = hoc_lookup("v");
    c.soma.v = nrn_rangepointer(soma, v, 0.5);
    const int segments = _nrn_mechanism_get_nnode(soma) - 1;
    for (int i = 0; i < segments; ++i)
        g.nodes.push_back({row, nrn_rangepointer(soma, v, (i + 0.5) / segments)});
    // the end that hangs on its parent is the parent's node, unless the soma is the root
    const double hangs = nrn_section_orientation(soma);
    g.nodes.push_back({row, nrn_rangepointer(soma, v, 1 - hangs)});
    if (c.sections.front() == soma) g.nodes.push_back({row, nrn_rangepointer(soma, v, hangs)});
}

void bind_nodes() {
    moved = true;
    for (Group& g : model().groups) {
        g.nodes.clear();
        for (size_t row = 0; row < g.cells.size(); ++row) bind_nodes(g, int(row));
    }
}

// The sections of the cells that the user still has. A deleted one's address may be a new section's
// by now.
void find_sections() {
    model().cell_of.clear();
    for (size_t c = 0; c < model().cells.size(); ++c) {
        const Cell& cell = model().cells[c];
        if (!alive(cell.sections.front()) || !alive(cell.soma.section)) continue;
        for (Section* s : tree(cell.sections.front())) model().cell_of[s] = int(c);
    }
    const bool cells_only = std::none_of(model().groups.begin(), model().groups.end(),
                                         [](const Group& g) { return g.cells.empty(); });
    model().retiring |= cells_only && model().cell_of.empty();  // all were deleted
}

}  // namespace ann
