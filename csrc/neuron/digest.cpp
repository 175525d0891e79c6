// Whether a cell was changed since it was replaced: cheap enough to ask at every finitialize.
#include "digest.h"

#include "park.h"

double section_length(Section*);
double nrn_ra(Section*);

namespace ann {

// FNV-1a, a double at a time.
static void add(uint64_t& hash, double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3ull;
}

static void add_parameters(uint64_t& hash, int type, Prop* p) {
    add(hash, type);
    const Symbol* mechanism = memb_func[type].sym;
    for (unsigned i = 0; i < mechanism->s_varn; ++i) {
        const Symbol* s = mechanism->u.ppsym[i];
        if (s->subtype != nrnocCONST || s->arayinfo) continue;
        add(hash, _nrn_mechanism_access_param(p, s->u.rng.index));
    }
}

// Neither computed from concentrations, at finitialize or at each step, nor a mechanism's state
// (NEURON's bits of ion_style).
static bool is_parameter(int style) {
    return !(style & 0140) && (style & 030) <= 010;
}

// Of the ions that a density mechanism uses: another one came with a synapse.
static void add_reversal_potentials(uint64_t& hash, int type, Node* node) {
    int last = -1;
    for (int i = 0; i < nrn_prop_dparam_size_[type]; ++i) {
        const int semantics = memb_func[type].dparam_semantics[i];
        if (!nrn_semantics_is_ion(semantics)) continue;
        const int ion = nrn_semantics_ion_type(semantics);
        if (ion == last) continue;
        last = ion;
        Prop* p = nrn_mechanism(ion, node);
        if (is_parameter(_nrn_mechanism_access_dparam(p)[0].get<int>()))
            add(hash, _nrn_mechanism_access_param(p, 0));
    }
}

// Ions not: their concentrations may be states.
static std::vector<int> density_mechanisms(Section* s) {
    std::vector<int> out;
    for (int type = 0; type < n_memb_func; ++type)
        if (memb_func[type].sym && !memb_func[type].is_point && !nrn_is_ion(type) &&
            nrn_mechanism(type, _nrn_mechanism_get_node(s, 0)))
            out.push_back(type);
    return out;
}

uint64_t digest(Section* root) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (Section* s : tree(root)) {
        add(hash, section_length(s));
        add(hash, nrn_ra(s));
        const int segments = _nrn_mechanism_get_nnode(s) - 1;
        add(hash, segments);
        const std::vector<int> types = density_mechanisms(s);  // of every segment
        for (int i = 0; i < segments; ++i)
            for (const int type : types) {
                Node* node = _nrn_mechanism_get_node(s, i);
                add_parameters(hash, type, nrn_mechanism(type, node));
                add_reversal_potentials(hash, type, node);
            }
    }
    return hash;
}

}  // namespace ann
