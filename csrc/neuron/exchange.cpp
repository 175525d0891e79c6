// MPI: spikes must be exchanged on bin edges. A ParallelContext.set_maxstep that would move them
// off is refused.
#include <cmath>

#include "model.h"

namespace ann {

using Member = double (*)(void*);
static Member set_maxstep = nullptr;  // NEURON's own
static bool aligned = false;

static Inst& definition() {
    cTemplate* pc = hoc_lookup("ParallelContext")->u.ctemplate;
    return hoc_table_lookup("set_maxstep", pc->symtable)->u.u_proc->defn;
}

static double checked_set_maxstep(void* pc) {
    const double step = set_maxstep(pc);
    const double per_bin = bin / step;
    if (aligned && std::abs(per_bin - std::round(per_bin)) > 1e-9)
        hoc_execerror(
            "ann_backend: ParallelContext.set_maxstep after finitialize takes the spike "
            "exchange off the 1 ms bins of replaced cells: call it before finitialize",
            nullptr);
    return step;
}

void guard_exchange(bool on) {
    aligned = on;
    if (!on || set_maxstep) return;
    set_maxstep = definition().pfd_vp;
    definition().pfd_vp = checked_set_maxstep;
}

}  // namespace ann
