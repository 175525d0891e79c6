#include "fan.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "connections.h"
#include "flight.h"
#include "layout.h"
#include "model.h"

namespace ann {

// Where a NetCon leads. Another target than when that was found is looked up again.
struct Link {
    Point_process* target;
    int port;  // -1: NEURON's
};

struct Source {
    int mapped = -1;  // times, when its links were found
    bool any = false;
    std::vector<Link> links;  // as NEURON lists its NetCons
};

static bool allowed = true;
static bool callbacks = false;
static std::unordered_map<PreSyn*, Source> sources;

double& shared_delay(PreSyn* ps) {
    return field<double>(ps, layout().threshold + std::ptrdiff_t(sizeof(double)));
}

struct Connection {
    NetCon* netcon;
    Point_process* target;
    double delay;  // ms
    double* weight;
    bool on;
};

static Connection connection(PreSyn* ps, int i) {
    auto* netcon = static_cast<NetCon*>(nrn_presyn_netcon(ps, i));
    Connection c{};
    double *threshold, *delay;
    nrn_netcon_info(netcon, &c.weight, &c.target, &threshold, &delay);
    c.netcon = netcon;
    c.delay = *delay;
    c.on = c.target && field<bool>(netcon, layout().active);
    return c;
}

static int port_of(Source& s, int i, const Connection& c) {
    if (size_t(i) >= s.links.size()) s.links.resize(size_t(i) + 1);
    Link& link = s.links[size_t(i)];
    if (link.target != c.target) link = {c.target, is_kept(c.netcon) ? -1 : find_port(c.target)};
    return link.port;
}

static void find_links(PreSyn* ps, Source& s) {
    const int n = nrn_presyn_count(ps);
    s.mapped = times_mapped();
    s.any = false;
    s.links.assign(size_t(n), {});
    s.links.shrink_to_fit();
    for (int i = 0; i < n; ++i) {
        const Connection c = connection(ps, i);
        if (c.target) s.any |= port_of(s, i, c) >= 0;
    }
}

static Source& source(PreSyn* ps) {
    Source& s = sources[ps];
    if (s.mapped != times_mapped() || s.links.size() != size_t(nrn_presyn_count(ps)))
        find_links(ps, s);
    return s;
}

bool fans_out(PreSyn* ps) {
    const bool ours = layout().can_fan_out() && allowed && !callbacks && model().active &&
                      !cvode_active_ && nrn_nthread == 1 && !nrn_use_bin_queue_ &&
                      !use_multisend_ && !nrn_use_localgid_;
    return ours && source(ps).any;
}

// It may have been set since finitialize.
static void refuse_delay(const Connection& c) {
    if (c.delay >= 0 && c.delay < std::numeric_limits<double>::infinity()) return;
    hoc_execerror(("ann_backend: " + fault_of(c.netcon)).c_str(), nullptr);
}

static void prefetch(PreSyn* ps, int i) {
    void* netcon = nrn_presyn_netcon(ps, i);  // perhaps in two cache lines
    __builtin_prefetch(&field<char>(netcon, sizeof(void*)));
    __builtin_prefetch(&field<bool>(netcon, layout().active));
}

static void queue(double t, void* event) {
    net_cvode_instance->event(t, static_cast<DiscreteEvent*>(event), nrn_threads);
}

void fan_out(PreSyn* ps, double t, double now) {
    if (field<int>(ps, layout().shares_delay))
        return queue(t + std::max(shared_delay(ps), now - t), ps);
    Source& s = source(ps);
    const int n = nrn_presyn_count(ps);
    for (int i = 0; i < n; ++i) {
        if (i + 12 < n) prefetch(ps, i + 12);
        const Connection c = connection(ps, i);
        if (!c.on) continue;
        const double at = t + (t + c.delay < now ? now - t : c.delay);
        const int port = port_of(s, i, c);
        if (port >= 0) refuse_delay(c);
        if (port < 0 || !fly(c.netcon, c.weight, at, port)) queue(at, c.netcon);
    }
}

// As PreSyn::send.
static void send_spike(PreSyn* ps, double t, NetCvode* n, NrnThread* thread) {
    if (!fans_out(ps)) return presyn_send(ps, t, n, thread);
    ps->record(t);
    fan_out(ps, t, -std::numeric_limits<double>::infinity());
    const int output = field<int>(ps, layout().output);
    if (output >= 0) nrn2ncs_outputevent(output, t);
}

// As PreSyn::deliver: the one event of a source whose NetCons share a delay.
static void deliver_spike(PreSyn* ps, double t, NetCvode* n, NrnThread* thread) {
    if (!fans_out(ps)) return presyn_deliver(ps, t, n, thread);
    if (any_plastic()) land(t);
    for (int i = 0; i < nrn_presyn_count(ps); ++i) {
        if (i + 12 < nrn_presyn_count(ps)) prefetch(ps, i + 12);
        const Connection c = connection(ps, i);
        if (!c.on) continue;
        const double more = c.delay - shared_delay(ps);
        if (more < 0) hoc_execerror("internal error: Source delay is > NetCon delay", nullptr);
        if (more > 0) {
            queue(t + more, c.netcon);
            continue;
        }
        const int port = port_of(source(ps), i, c);
        thread->_t = t;
        if (port >= 0) {
            refuse_delay(c);
            land(port, c.weight, t);
        } else {
            c.netcon->deliver(t, n, thread);
        }
    }
}

static void** own_functions() {
    static std::vector<void*> table;
    if (table.empty()) {
        table = layout().functions;
        table[size_t(layout().send)] = reinterpret_cast<void*>(&send_spike);
        table[size_t(layout().deliver)] = reinterpret_cast<void*>(&deliver_spike);
    }
    return table.data() + layout().first_function;
}

void keep_to_queue() {
    land_delivered();
    spill();
    callbacks = true;
}

// The other sources send when all events by then were delivered: after a step, or at its start.
static bool calls_among_events(PreSyn* ps) {
    return field<void*>(ps, layout().callback) && !field<Section*>(ps, layout().section);
}

void follow_callback(PreSyn* ps) {
    if (layout().can_fan_out() && !callbacks && calls_among_events(ps)) keep_to_queue();
}

void forget_callbacks() {
    callbacks = false;
}

void adopt_sources() {
    if (!layout().can_fan_out()) return;
    for (PreSyn* ps : *net_cvode_instance_psl()) {
        auto& functions = field<void**>(ps, 0);
        if (functions == layout().neurons_functions) functions = own_functions();
        follow_callback(ps);
    }
}

void release_sources() {
    sources.clear();
    if (!layout().can_fan_out() || !net_cvode_instance_psl()) return;
    for (PreSyn* ps : *net_cvode_instance_psl()) {
        auto& functions = field<void**>(ps, 0);
        if (functions == own_functions()) functions = layout().neurons_functions;
    }
}

void forget_links() {
    sources.clear();
}

void allow_fan_out(bool on) {
    if (!on) spill();
    allowed = on;
}

}  // namespace ann
