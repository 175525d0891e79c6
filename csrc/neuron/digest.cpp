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

static bool is_ion(int type) {
    const char* name = memb_func[type].sym->name;
    const size_t n = std::strlen(name);
    return n > 4 && !std::strcmp(name + n - 4, "_ion");  // their concentrations may be states
}

uint64_t digest(Section* root) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (Section* s : tree(root)) {
        add(hash, section_length(s));
        add(hash, nrn_ra(s));
        const int segments = _nrn_mechanism_get_nnode(s) - 1;
        add(hash, segments);
        for (int i = 0; i < segments; ++i)
            for (int type = 0; type < n_memb_func; ++type) {
                if (memb_func[type].is_point || !memb_func[type].sym || is_ion(type)) continue;
                Prop* p = nrn_mechanism(type, _nrn_mechanism_get_node(s, i));
                if (p) add_parameters(hash, type, p);
            }
    }
    return hash;
}

}  // namespace ann
