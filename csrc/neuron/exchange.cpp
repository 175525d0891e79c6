// MPI: spikes must be exchanged on bin edges. ParallelContext.set_maxstep is watched: what the user
// asked for last, and whether that was after the finitialize that put the exchange on the edges.
#include <cmath>

#include "model.h"

namespace ann {

using Member = double (*)(void*);
static Member set_maxstep = nullptr;  // NEURON's own
static Exchange state;

static double watched_set_maxstep(void* pc) {
    state.user_step = set_maxstep(pc);
    const double per_bin = bin / state.user_step;
    state.off_edges = std::abs(per_bin - std::round(per_bin)) > 1e-9;
    return state.user_step;
}

Exchange& exchange() {
    return state;
}

void watch_exchange() {
    if (set_maxstep) return;
    cTemplate* pc = hoc_lookup("ParallelContext")->u.ctemplate;
    Inst& definition = hoc_table_lookup("set_maxstep", pc->symtable)->u.u_proc->defn;
    set_maxstep = definition.pfd_vp;
    definition.pfd_vp = watched_set_maxstep;
}

}  // namespace ann
