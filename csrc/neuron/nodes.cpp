// The replaced cells' sections and somas in NEURON's structure, which moves.
#include "model.h"
#include "park.h"

namespace ann {

bool alive(Section* s) {
    return *secname(s) != 0;
}

void write_voltages() {
    for (Group& g : model().groups)
        for (const Place& p : g.somas) *p.v = g.v[size_t(p.row)];
}

void find_somas() {
    for (Group& g : model().groups) g.somas.clear();
    for (Cell& c : model().cells) {
        Section* soma = c.soma.section;
        if (!alive(soma)) continue;
        c.soma.v = nrn_rangepointer(soma, hoc_lookup("v"), 0.5);
        const auto add = [&](Node* n) {
            group_of(c).somas.push_back({&_nrn_mechanism_access_voltage(n), c.row});
        };
        for (int i = 0; i < _nrn_mechanism_get_nnode(soma); ++i)
            add(_nrn_mechanism_get_node(soma, i));
        // soma(0) is a node of its own where the soma is the root, its parent's elsewhere
        if (c.sections.front() == soma) add(node_exact(soma, 0));
    }
}

std::unordered_map<const double*, int> soma_voltages() {
    std::unordered_map<const double*, int> out;
    for (const Group& g : model().groups)
        for (const Place& p : g.somas) out[p.v] = g.cells[size_t(p.row)];
    return out;
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
