// Inputs: NET_RECEIVE of the mechanisms that replaced cells carry is wrapped, so that an event for
// a mapped synapse goes to its group's event list and every other event to NEURON's own function.
#include <algorithm>

#include "connections.h"
#include "flight.h"
#include "model.h"
#include "plasticity.h"

namespace ann {

struct alignas(64) Port {  // an event fetches one cache line of it
    Point_process* point;
    Section* section;
    int type, group, row, channel;
    Handle U = {};  // of our own synapses' plasticity; dies with the synapse
};

static_assert(sizeof(Port) == 64);

// Plasticity of our own synapses: its parameters.
struct PlasticityIndex {
    Symbol* U = nullptr;  // null: a synapse without
    int tau_rec = -1, tau_fac = -1;
};

static std::vector<Port> ports;
// Open addressing on the point process's address: indices of ports, -1 empty. A port whose synapse
// died may be met again by a new one at the same address: section and type tell them apart.
static std::vector<int> table(1, -1);
static std::vector<NetReceive> original;         // by mechanism type
static std::vector<PlasticityIndex> plasticity;  // by mechanism type
static bool plastic = false;                     // some synapse is
static int mapped = 0;                           // times

static size_t slot_of(const Point_process* p) {
    return (reinterpret_cast<size_t>(p) * 0x9E3779B97F4A7C15ull >> 20) & (table.size() - 1);
}

static int find(const Point_process* p, int type) {
    for (size_t i = slot_of(p); table[i] >= 0; i = (i + 1) & (table.size() - 1)) {
        const Port& port = ports[size_t(table[i])];
        if (port.point == p) return port.section == p->sec && port.type == type ? table[i] : -1;
    }
    return -1;
}

int find_port(const Point_process* p) {
    return p->prop ? find(p, _nrn_mechanism_get_type(p->prop)) : -1;
}

void prefetch_port(int port) {
    __builtin_prefetch(&ports[size_t(port)]);
}

void prefetch_plasticity(int port) {
    if (const Handle& U = ports[size_t(port)].U) __builtin_prefetch(static_cast<const double*>(U));
}

bool any_plastic() {
    return plastic;
}

int times_mapped() {
    return mapped;
}

// The weight that counts, as the mechanism's NET_RECEIVE has it; it leaves the connection's state
// behind the user's weight.
static double effective(const Port& p, double* weight, double t) {
    if (!p.U || !(*p.U > 0)) return weight[0];
    const PlasticityIndex& k = plasticity[size_t(p.type)];
    const auto value = [&](int i) { return _nrn_mechanism_access_param(p.point->prop, i); };
    return effective({*p.U, value(k.tau_rec), value(k.tau_fac)}, weight[0], weight + 1, t);
}

void land(int port, double* weight, double t) {
    const Port& p = ports[size_t(port)];
    const double counts = effective(p, weight, t);
    Event& e = model().groups[size_t(p.group)].events.emplace_back();
    e.t = t;
    e.weight = counts;
    e.row = p.row;
    e.channel = p.channel;
}

static void receive(Point_process* p, double* weight, double flag) {
    const int type = _nrn_mechanism_get_type(p->prop);
    const int port = find(p, type);
    if (port < 0) return original[size_t(type)](p, weight, flag);
    const double t = static_cast<NrnThread*>(p->_vnt)->_t;
    if (plastic) land(t);  // this connection's earlier events
    land(port, weight, t);
}

static PlasticityIndex plasticity_of(int type) {
    const std::string name = memb_func[type].sym->name;
    if (name != "ann_AMPANMDA" && name != "ann_GABAA") return {};
    return {hoc_table_lookup("U", hoc_lookup(name.c_str())->u.ctemplate->symtable),
            parameter(name.c_str(), "tau_rec"), parameter(name.c_str(), "tau_fac")};
}

static void wrap(int type) {
    if (int(original.size()) <= type) {
        original.resize(type + 1, nullptr);
        plasticity.resize(type + 1);
    }
    if (pnt_receive[type] == receive) return;
    plasticity[type] = plasticity_of(type);
    original[type] = pnt_receive[type];
    pnt_receive[type] = receive;
}

void unhook() {
    for (size_t type = 0; type < original.size(); ++type)
        if (original[type]) pnt_receive[type] = original[type];
    original.clear();
    ports.clear();
    table.assign(1, -1);
    ++mapped;
}

static bool fits(const Rule& r, Prop* p) {
    for (const auto& [index, value] : r.parameters) {
        const double have = _nrn_mechanism_access_param(p, index);
        if (!(std::abs(have - value) <= 1e-6 * std::max(std::abs(value), 1e-3))) return false;
    }
    return true;
}

using Places = std::unordered_map<Node*, std::vector<int>>;

static Places places_of(const Cell& c) {
    Places out;
    for (size_t l = 0; l < c.locations.size(); ++l)
        if (model().cell_of.count(c.locations[l].first))  // else it was deleted or cut off
            out[node_exact(c.locations[l].first, c.locations[l].second)].push_back(int(l));
    return out;
}

static const Rule* rule_for(const Cell& c, const Places& places, Point_process* p, int type) {
    const auto it = places.find(p->node);
    if (it == places.end()) return nullptr;
    for (const int location : it->second)
        for (const Rule& r : model().rules[c.group][location])
            if (r.type == type && fits(r, p->prop)) return &r;
    return nullptr;
}

static void insert(int port) {
    size_t i = slot_of(ports[size_t(port)].point);
    while (table[i] >= 0) i = (i + 1) & (table.size() - 1);
    table[i] = port;
}

template <class Visit>  // every point process on a parked section
static void for_each_point_process(Visit visit) {
    for (int type = 0; type < n_memb_func; ++type) {
        if (!memb_func[type].is_point || !nrn_pnt_template_[type]) continue;
        hoc_List* all = nrn_pnt_template_[type]->olist;
        for (hoc_Item* q = all->next; q != all; q = q->next) {
            auto* p = static_cast<Point_process*>(q->element.obj->u.this_pointer);
            if (!p || !p->sec || !p->prop) continue;
            const auto it = model().cell_of.find(p->sec);
            if (it != model().cell_of.end()) visit(type, p, it->second);
        }
    }
}

static void count_netcons() {
    hoc_List* all = hoc_lookup("NetCon")->u.ctemplate->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next) {
        double *weight, *threshold, *delay;
        Point_process* p;
        auto* netcon = static_cast<NetCon*>(q->element.obj->u.this_pointer);
        nrn_netcon_info(netcon, &weight, &p, &threshold, &delay);
        if (!p || !p->prop) continue;
        const int i = find_port(p);
        if (i >= 0 && model().fault.empty()) model().fault = fault_of(netcon);
        const auto cell = model().cell_of.find(p->sec);
        if (cell == model().cell_of.end()) continue;
        Counts& counts = model().counts[cell->second];
        ++counts.netcons;
        if (i < 0) continue;
        const Port& port = ports[size_t(i)];
        const auto& [low, high] = model().groups[port.group].weights[port.channel];
        if (weight[0] >= low && weight[0] <= high) continue;
        if (counts.outside_weights++ == 0) {
            counts.outside_channel = port.channel;
            counts.outside_uS = weight[0];
        }
    }
}

static void build_table() {
    size_t size = 16;
    while (size < 2 * ports.size()) size *= 2;
    table.assign(size, -1);
    plastic = false;
    ++mapped;
    for (size_t i = 0; i < ports.size(); ++i) {
        Port& port = ports[i];
        insert(int(i));
        wrap(port.type);
        port.point->_vnt = nrn_threads;
        if (Symbol* U = plasticity[size_t(port.type)].U)
            port.U = point_process_pointer(port.point, U, 0);
        plastic |= port.U && *port.U > 0;
    }
}

std::vector<Stranger> map_synapses() {
    Model& m = model();
    for (Counts& c : m.counts) c.synapses = c.netcons = c.outside_weights = 0;
    std::vector<Places> places;
    for (const Cell& c : m.cells) places.push_back(places_of(c));
    ports.clear();
    std::vector<Stranger> strangers;
    forget_clamps();
    for_each_point_process([&](int type, Point_process* p, int cell) {
        const Cell& c = m.cells[cell];
        if (type == counter_type()) return;
        if (const Rule* r = rule_for(c, places[cell], p, type)) {
            ++m.counts[cell].synapses;
            if (type == clamp_type()) return add_clamp(p, cell, c.row, r->channel, last_step());
            ports.push_back({p, p->sec, type, c.group, c.row, r->channel});
            return;
        }
        strangers.push_back(
            {memb_func[type].sym->name, hoc_object_name(p->ob), secname(p->sec), cell});
    });
    for (size_t g = 0; g < m.groups.size(); ++g)
        for (const Tap& tap : m.groups[g].taps)
            if (tap.channel >= 0)
                ports.push_back({tap.point, nullptr, _nrn_mechanism_get_type(tap.point->prop),
                                 int(g), tap.row, tap.channel});
    build_table();
    count_netcons();
    return strangers;
}

std::vector<Input> mapped_inputs() {
    std::vector<Input> out;
    for_each_point_process([&](int type, Point_process* p, int cell) {
        const int port = find(p, type);
        const int channel = port >= 0 ? ports[size_t(port)].channel : clamp_channel(p);
        if (channel >= 0) out.push_back({cell, channel, hoc_object_name(p->ob)});
    });
    return out;
}

}  // namespace ann
