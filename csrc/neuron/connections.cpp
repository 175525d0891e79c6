#include "connections.h"

#include <algorithm>
#include <unordered_set>

#include "fan.h"
#include "flight.h"
#include "layout.h"
#include "model.h"

namespace ann {

static std::unordered_set<NetCon*> kept;
static size_t plays = 0;

// Played or recorded by Vectors.
static void add_played(std::vector<const double*>& out) {
    const auto* all = net_cvode_instance_prl();
    plays = all ? all->size() : 0;
    if (!all) return;
    for (PlayRecord* p : *all) {
        const Handle& h = field<Handle>(p, layout().recorded);
        if (h) out.push_back(static_cast<const double*>(h));
    }
}

// A point process's POINTERs may lead to the weight of another's NetCon.
static void add_pointers(std::vector<const double*>& out) {
    const int pointer = nrn_dparam_semantics_to_int("pointer");
    for (int type = 0; type < n_memb_func; ++type) {
        const auto& semantics = memb_func[type].dparam_semantics;
        if (!memb_func[type].is_point || !nrn_pnt_template_[type] || !semantics) continue;
        hoc_List* all = nrn_pnt_template_[type]->olist;
        for (int i = 0; i < nrn_prop_dparam_size_[type]; ++i) {
            if (semantics[i] != pointer) continue;
            for (hoc_Item* q = all->next; q != all; q = q->next) {
                auto* p = static_cast<Point_process*>(q->element.obj->u.this_pointer);
                if (!p || !p->prop) continue;
                const auto& datum = _nrn_mechanism_access_dparam(p->prop)[i];
                if (datum.holds<double*>()) out.push_back(datum.get<double*>());
            }
        }
    }
}

void find_kept() {
    kept.clear();
    forget_links();
    std::vector<const double*> written;
    add_played(written);
    add_pointers(written);
    std::sort(written.begin(), written.end());
    if (written.empty()) return;
    hoc_List* all = hoc_lookup("NetCon")->u.ctemplate->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next) {
        auto* netcon = static_cast<NetCon*>(q->element.obj->u.this_pointer);
        double *weight, *threshold, *delay;
        Point_process* target;
        const int n = nrn_netcon_info(netcon, &weight, &target, &threshold, &delay);
        const auto it = std::lower_bound(written.begin(), written.end(), weight);
        if (it != written.end() && *it < weight + n) kept.insert(netcon);
    }
}

bool plays_changed() {
    const auto* all = net_cvode_instance_prl();
    return (all ? all->size() : 0) != plays;
}

bool is_kept(NetCon* netcon) {
    return !kept.empty() && kept.count(netcon);
}

static void land_delivered() {
    if (!at_step_end()) land(nrn_threads->_t);
}

// weight, delay, threshold: read or set by name.
static void (*reach_property)(void*) = nullptr;
static void (*delete_netcon)(void*) = nullptr;

static void reach_watched_property(void* netcon) {
    land_delivered();
    reach_property(netcon);
}

static void delete_watched_netcon(void* netcon) {
    land_delivered();
    forget_flights(static_cast<NetCon*>(netcon));
    kept.erase(static_cast<NetCon*>(netcon));
    delete_netcon(netcon);
}

// What moves a connection or looks at the queue meets all events there.
struct Spiller {
    const char *object, *member;
    double (*ours)(void*);
    double (*neurons)(void*);
};

template <int i>
static double call_spilled(void* object);

static Spiller spillers[] = {
    {"NetCon", "setpost", call_spilled<0>, nullptr},
    {"CVode", "event_queue_info", call_spilled<1>, nullptr},
    {"CVode", "print_event_queue", call_spilled<2>, nullptr},
    {"CVode", "queue_mode", call_spilled<3>, nullptr},
    {"SaveState", "save", call_spilled<4>, nullptr},
    {"SaveState", "restore", call_spilled<5>, nullptr},
    {"BBSaveState", "save", call_spilled<6>, nullptr},
    {"BBSaveState", "save_test", call_spilled<7>, nullptr},
    {"BBSaveState", "save_request", call_spilled<8>, nullptr},
};

template <int i>
static double call_spilled(void* object) {
    land_delivered();
    spill();
    return spillers[i].neurons(object);
}

static void watch_members(bool on) {
    for (Spiller& s : spillers) {
        Symbol* object = hoc_lookup(s.object);
        Symbol* member =
            object ? hoc_table_lookup(s.member, object->u.ctemplate->symtable) : nullptr;
        if (!member) continue;
        auto& function = member->u.u_proc->defn.pfd_vp;
        if (on) s.neurons = function;
        function = on ? s.ours : s.neurons;
    }
}

void watch_connections(bool on) {
    cTemplate* netcon = hoc_lookup("NetCon")->u.ctemplate;
    if (on) {
        reach_property = netcon->steer;
        delete_netcon = netcon->destructor;
    }
    netcon->steer = on ? reach_watched_property : reach_property;
    netcon->destructor = on ? delete_watched_netcon : delete_netcon;
    watch_members(on);
}

}  // namespace ann
