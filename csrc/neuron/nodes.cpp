// The replaced cells' sections and somas in NEURON's structure, which moves.
#include "model.h"
#include "park.h"

namespace ann {

bool alive(Section* s) {
    return *secname(s) != 0;
}

void write_voltages() {
    for (Group& g : model().groups)
        for (size_t row = 0; row < g.cells.size(); ++row) {
            const Cell& c = model().cells[g.cells[row]];
            if (!c.soma.v) continue;  // the user deleted it
            for (Node* n : c.nodes) _nrn_mechanism_access_voltage(n) = g.v[row];
        }
}

void bind_nodes() {
    for (Cell& c : model().cells) {
        c.nodes.clear();
        if (!alive(c.soma.section)) continue;
        c.soma.v = nrn_rangepointer(c.soma.section, hoc_lookup("v"), 0.5);
        for (int i = 0; i < _nrn_mechanism_get_nnode(c.soma.section); ++i)
            c.nodes.push_back(_nrn_mechanism_get_node(c.soma.section, i));
        // soma(0) is a node of its own where the soma is the root, its parent's elsewhere
        if (c.sections.front() == c.soma.section) c.nodes.push_back(node_exact(c.soma.section, 0));
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
}

}  // namespace ann
