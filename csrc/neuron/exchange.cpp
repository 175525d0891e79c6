// MPI: spikes must be exchanged on bin edges. ParallelContext.set_maxstep is watched: what the user
// asked for last, and whether that was after the finitialize that put the exchange on the edges. So
// is psolve, which ends with an exchange: until the next step no spike is under way between ranks.
#include <cmath>
#include <limits>

#include "model.h"

namespace ann {

using Member = double (*)(void*);
static Member set_maxstep = nullptr;  // NEURON's own
static Member psolve = nullptr;
static Exchange state;
static double solved = std::numeric_limits<double>::quiet_NaN();  // t where psolve returned

static double watched_set_maxstep(void* pc) {
    state.user_step = set_maxstep(pc);
    const double per_bin = bin / state.user_step;
    state.off_edges = std::abs(per_bin - std::round(per_bin)) > 1e-9;
    return state.user_step;
}

static double watched_psolve(void* pc) {
    solved = std::numeric_limits<double>::quiet_NaN();
    const double returned = psolve(pc);
    solved = nrn_threads->_t;
    return returned;
}

static Member watch(const char* name, Member ours) {
    cTemplate* pc = hoc_lookup("ParallelContext")->u.ctemplate;
    Inst& definition = hoc_table_lookup(name, pc->symtable)->u.u_proc->defn;
    const Member own = definition.pfd_vp;
    definition.pfd_vp = ours;
    return own;
}

Exchange& exchange() {
    return state;
}

bool exchanged() {
    return nrn_threads->_t == solved;
}

void watch_exchange() {
    if (set_maxstep) return;
    set_maxstep = watch("set_maxstep", watched_set_maxstep);
    psolve = watch("psolve", watched_psolve);
}

}  // namespace ann
