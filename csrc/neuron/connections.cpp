#include "connections.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "../errors.h"
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

template <class Visit>  // every point process, or segment with the mechanism that is solved
static void for_each_instance(int type, Visit visit) {
    if (!memb_func[type].is_point) {
        const Memb_list& all = memb_list[size_t(type)];
        for (int i = 0; i < all.nodecount; ++i) visit(all.pdata[i]);
    } else if (nrn_pnt_template_[type]) {
        hoc_List* all = nrn_pnt_template_[type]->olist;
        for (hoc_Item* q = all->next; q != all; q = q->next) {
            auto* p = static_cast<Point_process*>(q->element.obj->u.this_pointer);
            if (p && p->prop) visit(_nrn_mechanism_access_dparam(p->prop));
        }
    }
}

// A mechanism's POINTERs may lead to the weight of a NetCon.
static void add_pointers(std::vector<const double*>& out) {
    const int pointer = nrn_dparam_semantics_to_int("pointer");
    for (int type = 0; type < n_memb_func; ++type) {
        const auto& semantics = memb_func[type].dparam_semantics;
        for (int i = 0; semantics && i < nrn_prop_dparam_size_[type]; ++i) {
            if (semantics[i] != pointer) continue;
            for_each_instance(type, [&](Datum* d) {
                if (d[i].holds<double*>()) out.push_back(d[i].get<double*>());
            });
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

static std::string name_of(NetCon* netcon) {
    hoc_List* all = hoc_lookup("NetCon")->u.ctemplate->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next)
        if (q->element.obj->u.this_pointer == netcon) return hoc_object_name(q->element.obj);
    return "a NetCon";
}

std::string fault_of(NetCon* netcon) {
    double *weight, *threshold, *delay;
    Point_process* target;
    nrn_netcon_info(netcon, &weight, &target, &threshold, &delay);
    const bool finite = std::abs(*weight) <= std::numeric_limits<float>::max();
    if (finite && *delay >= 0 && *delay < std::numeric_limits<double>::infinity()) return {};
    return name_of(netcon) +
           " onto a replaced cell: expected a finite weight (uS) and a delay of 0 ms or more, got "
           "weight " +
           written(*weight) + ", delay " + written(*delay) + "; set them before a run";
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
    forget_links();
    delete_netcon(netcon);
    note_netcon();
}

struct Member {
    const char *object, *name;
    double (*ours)(void*);
    double (*neurons)(void*);
};

template <int i>
static double call_spilled(void* object);
static double call_setpost(void* netcon);
static double call_record(void* netcon);
static double call_event(void* cvode);
static double call_compute(void* impedance);

static Member members[] = {
    // what looks at the queue or clears it meets all events there
    {"CVode", "event_queue_info", call_spilled<0>, nullptr},
    {"CVode", "print_event_queue", call_spilled<1>, nullptr},
    {"CVode", "queue_mode", call_spilled<2>, nullptr},
    {"CVode", "free_event_queues", call_spilled<3>, nullptr},
    {"SaveState", "save", call_spilled<4>, nullptr},
    {"SaveState", "restore", call_spilled<5>, nullptr},
    {"BBSaveState", "save", call_spilled<6>, nullptr},
    {"BBSaveState", "save_gid", call_spilled<7>, nullptr},
    {"BBSaveState", "save_request", call_spilled<8>, nullptr},
    {"BBSaveState", "save_test", call_spilled<9>, nullptr},
    {"BBSaveState", "save_test_bin", call_spilled<10>, nullptr},
    {"BBSaveState", "restore", call_spilled<11>, nullptr},
    {"BBSaveState", "restore_gid", call_spilled<12>, nullptr},
    {"BBSaveState", "restore_test", call_spilled<13>, nullptr},
    {"BBSaveState", "restore_test_bin", call_spilled<14>, nullptr},
    // what moves a connection takes its events along
    {"NetCon", "setpost", call_setpost, nullptr},
    // what lets a user's code run between two events of one time
    {"NetCon", "record", call_record, nullptr},
    {"CVode", "event", call_event, nullptr},
    // what solves the sections' equations
    {"Impedance", "compute", call_compute, nullptr},
};

constexpr size_t setpost_member = 15, record_member = 16, event_member = 17, compute_member = 18;

template <int i>
static double call_spilled(void* object) {
    land_delivered();
    spill();
    return members[i].neurons(object);
}

static double call_setpost(void* netcon) {
    land_delivered();
    const double out = members[setpost_member].neurons(netcon);
    redirect_flights();
    return out;
}

static double call_record(void* netcon) {
    const double out = members[record_member].neurons(netcon);
    double *weight, *threshold = nullptr, *delay;
    Point_process* target;
    nrn_netcon_info(static_cast<NetCon*>(netcon), &weight, &target, &threshold, &delay);
    if (threshold) follow_callback(source_at(threshold));
    return out;
}

static double call_event(void* cvode) {
    if (ifarg(3)) keep_to_queue();  // on a point process: delivered among its events
    return members[event_member].neurons(cvode);
}

static double call_compute(void* impedance) {
    if (model().active)
        hoc_execerror("ann_backend",
                      "Impedance.compute is not supported with replaced cells: call it before "
                      "replace(), or after restore() and finitialize");
    return members[compute_member].neurons(impedance);
}

static void watch_members(bool on) {
    for (Member& m : members) {
        Symbol* object = hoc_lookup(m.object);
        Symbol* member = object ? hoc_table_lookup(m.name, object->u.ctemplate->symtable) : nullptr;
        if (!member) continue;
        auto& function = member->u.u_proc->defn.pfd_vp;
        if (on) m.neurons = function;
        function = on ? m.ours : m.neurons;
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
