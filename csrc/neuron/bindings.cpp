// Python's door to the coupling: argument conversion, nothing else.
#include <pybind11/stl.h>

#include <algorithm>

#include "../python.h"
#include "callback.h"
#include "digest.h"
#include "fan.h"
#include "flight.h"
#include "layout.h"
#include "park.h"
#include "prepare.h"
#include "state.h"
#include "stopwatch.h"

namespace py = pybind11;
using namespace ann;

// A user's cell: its sections' structs outlive the cell, so that asking whether it lives is always
// safe.
class CellHandle {
  public:
    CellHandle(size_t root, size_t soma, const std::vector<std::pair<size_t, double>>& locations)
        : root(pointer(root)), soma(pointer(soma)) {
        for (const auto& [s, x] : locations) places.push_back({pointer(s), x});
        for (Section* s : all()) section_ref(s);
        made_of = digest(this->root);
    }
    CellHandle(const CellHandle&) = delete;
    ~CellHandle() {
        for (Section* s : all()) section_unref(s);
    }
    bool is_alive() const { return alive(root) && alive(soma); }
    bool is_changed() const { return digest(root) != made_of; }
    Cell cell(int group, int row) const {
        Cell c{};
        c.group = group;
        c.row = row;
        c.soma.section = soma;
        c.sections = {root};
        c.locations = places;
        return c;
    }

  private:
    static Section* pointer(size_t address) { return reinterpret_cast<Section*>(address); }
    std::vector<Section*> all() const {
        std::vector<Section*> out{root, soma};
        for (const auto& p : places) out.push_back(p.first);
        return out;
    }
    Section *root, *soma;
    uint64_t made_of;
    std::vector<std::pair<Section*, double>> places;
};

static Population* population(const py::object& o) {
    if (py::isinstance<CallbackPopulation>(o)) return o.cast<CallbackPopulation*>();
    return static_cast<Population*>(o.cast<py::capsule>().get_pointer());
}

static Rule rule(const py::tuple& t) {  // mechanism, {parameter: value}, location, channel
    const auto name = t[0].cast<std::string>();
    const int type = nrn_get_mechtype(name.c_str());
    Rule r{type, t[3].cast<int>(), {}};
    if (type < 0) return r;  // not loaded: no synapse can be of it
    Symlist* members = hoc_lookup(name.c_str())->u.ctemplate->symtable;
    for (const auto& [key, value] : t[1].cast<std::map<std::string, double>>()) {
        Symbol* s = hoc_table_lookup(key.c_str(), members);
        if (!s) throw py::key_error(name + " has no parameter " + key);
        r.parameters.push_back({s->u.rng.index, value});
    }
    return r;
}

// Index of a NetStim, row, channel.
static std::vector<Tap> taps(const std::vector<std::tuple<int, int, int>>& list) {
    std::vector<Tap> out;
    if (list.empty()) return out;
    std::unordered_map<int, Point_process*> by_index;
    hoc_List* all = hoc_lookup("NetStim")->u.ctemplate->olist;
    for (hoc_Item* q = all->next; q != all; q = q->next)
        by_index[q->element.obj->index] =
            static_cast<Point_process*>(q->element.obj->u.this_pointer);
    for (const auto& [index, row, channel] : list)
        out.push_back({by_index.at(index), row, channel});
    std::stable_sort(out.begin(), out.end(),
                     [](const Tap& a, const Tap& b) { return a.row < b.row; });
    return out;
}

static py::tuple sent_python(size_t group) {
    const std::vector<Spike> spikes = sent(group);
    py::array_t<int32_t> row(py::ssize_t(spikes.size()));
    py::array_t<double> t(py::ssize_t(spikes.size()));
    for (size_t i = 0; i < spikes.size(); ++i) {
        row.mutable_data()[i] = spikes[i].row;
        t.mutable_data()[i] = spikes[i].t;
    }
    return py::make_tuple(row, t);
}

static py::array_t<double> voltages_python(size_t group) {
    const std::vector<double> v = voltages(group);
    return py::array_t<double>(py::ssize_t(v.size()), v.data());
}

static py::dict save_python() {
    py::dict arrays;
    const CouplingState state = save_coupling();
    each_array(state, into(arrays));
    return arrays;
}

static void load_python(const py::dict& arrays) {
    CouplingState state;
    each_array(state, out_of(arrays));
    load_coupling(state);
}

static Prepared prepare_python(const py::list& list, size_t anchor) {
    std::vector<Cell> cells;
    std::vector<Group> groups;
    std::vector<Rules> rules;
    for (const auto& o : list) {
        const auto t =
            o.cast<py::tuple>();  // population, v_init, [CellHandle], [rule], [(low, high)], taps
        Group g{};
        g.population = population(t[0]);
        g.v_init = t[1].cast<double>();
        g.weights = t[4].cast<decltype(g.weights)>();
        for (const auto& c : t[2].cast<py::list>()) {
            const int row = int(g.cells.size());
            g.cells.push_back(int(cells.size()));
            cells.push_back(c.cast<const CellHandle&>().cell(int(groups.size()), row));
        }
        g.taps = taps(t[5].cast<std::vector<std::tuple<int, int, int>>>());
        g.heard = !g.cells.empty() || std::any_of(g.taps.begin(), g.taps.end(),
                                                  [](const Tap& tap) { return tap.channel < 0; });
        g.v.assign(size_t(g.population->rows()), g.v_init);
        rules.emplace_back();
        for (const auto& r : t[3].cast<std::vector<py::tuple>>()) {
            const auto location = r[2].cast<size_t>();
            if (rules.back().size() <= location) rules.back().resize(location + 1);
            rules.back()[location].push_back(rule(r));
        }
        groups.push_back(std::move(g));
    }
    return prepare(std::move(cells), std::move(groups), std::move(rules),
                   reinterpret_cast<Section*>(anchor));
}

static py::dict features() {
    py::dict d;
    d["nthread"] = nrn_nthread;
    d["cvode"] = bool(cvode_active_);
    d["multisplit"] = bool(nrn_multisplit_active_);
    d["compress"] = nrn_use_compress_;
    d["fast_imem"] = nrn_use_fast_imem;
    return d;
}

PYBIND11_MODULE(_neuron, m) {
    m.attr("built_with") = ANN_NEURON_VERSION;
    m.attr("probe_record_id") = probe_record_id;
    m.attr("probe_sample_dt") = probe_sample_dt;
    py::class_<CellHandle>(m, "CellHandle")
        .def(py::init<size_t, size_t, std::vector<std::pair<size_t, double>>>(), py::arg("root"),
             py::arg("soma"), py::arg("locations"))
        .def_property_readonly("alive", &CellHandle::is_alive)
        .def_property_readonly("changed", &CellHandle::is_changed);
    py::class_<CallbackPopulation>(m, "CallbackPopulation")
        .def(py::init([](py::function f, int rows, int channels, double threshold,
                         std::tuple<double, double, double, std::vector<double>> ap) {
                 auto& [start, dt, clip, v] = ap;
                 return new CallbackPopulation(std::move(f), rows, channels, threshold,
                                               {start, dt, clip, std::move(v)});
             }),
             py::arg("function"), py::arg("rows"), py::arg("channels"), py::arg("threshold"),
             py::arg("waveform"))
        .def_readonly("launches", &CallbackPopulation::launches);
    py::class_<Stranger>(m, "Stranger")
        .def_readonly("mechanism", &Stranger::mechanism)
        .def_readonly("object", &Stranger::object)
        .def_readonly("section", &Stranger::section)
        .def_readonly("cell", &Stranger::cell);
    py::class_<Counts>(m, "Counts")
        .def_readonly("sections", &Counts::sections)
        .def_readonly("synapses", &Counts::synapses)
        .def_readonly("netcons", &Counts::netcons)
        .def_readonly("sources", &Counts::sources)
        .def_readonly("recordings", &Counts::recordings)
        .def_readonly("counters", &Counts::counters)
        .def_readonly("extracellular", &Counts::extracellular)
        .def_readonly("counters_off", &Counts::counters_off)
        .def_readonly("sources_off_soma", &Counts::sources_off_soma)
        .def_readonly("thresholds", &Counts::thresholds)
        .def_readonly("short_delays", &Counts::short_delays)
        .def_readonly("outside_weights", &Counts::outside_weights)
        .def_readonly("outside_channel", &Counts::outside_channel)
        .def_readonly("outside_uS", &Counts::outside_uS)
        .def_readonly("recordings_stale", &Counts::recordings_stale)
        .def_readonly("lateness", &Counts::lateness);
    py::class_<Prepared>(m, "Prepared")
        .def_readonly("counts", &Prepared::counts)
        .def_readonly("strangers", &Prepared::strangers)
        .def_readonly("fault", &Prepared::fault)
        .def_readonly("nodes_before", &Prepared::nodes_before)
        .def_readonly("nodes_after", &Prepared::nodes_after);
    py::class_<Input>(m, "Input")
        .def_readonly("cell", &Input::cell)
        .def_readonly("channel", &Input::channel)
        .def_readonly("object", &Input::object);
    m.def("accessed_section", [] { return reinterpret_cast<size_t>(chk_access()); });
    m.def("set_up_structure", [] { v_setup_vectors(); });
    m.def("calibrate", &calibrate);
    m.def("prepare", &prepare_python, py::arg("groups"), py::arg("anchor"));
    m.def("allow_fan_out", &allow_fan_out, py::arg("on"));  // for tests, bench
    m.def("flights", &flights);
    m.def("retire", [](bool on) { model().retiring = on; }, py::arg("on"));
    m.def("mapped_inputs", &mapped_inputs);
    m.def("loads", [] {
        std::vector<std::tuple<int, int, long, long>> out;
        for (const Load& l : loads())
            out.push_back({l.cell, l.channel, l.received.events, l.received.outside});
        return out;
    });
    m.def(
        "is_listed", [](size_t section) { return is_listed(reinterpret_cast<Section*>(section)); },
        py::arg("section"));
    m.def("stepped", &stepped);
    m.def("settle", &settle, "The last bin's results of all rows are here.");
    m.def("sent", &sent_python, py::arg("group"),
          "Rows and times of the spikes since finitialize.");
    m.def("voltages", &voltages_python, py::arg("group"), "mV, at the last bin's end.");
    m.def("save", &save_python, "What NEURON's SaveState lacks, between two steps: flat arrays.");
    m.def("load", &load_python, py::arg("arrays"));
    m.def("features", &features);
    m.def("start_voltage", &start_voltage);
    m.def("refuse_steps", [](const std::string& why) { model().refused = why; });
    m.def("set_exchange_delay", &set_exchange_delay, py::arg("ms"));
    m.def("watch_exchange", &watch_exchange);
    m.def("exchanged", &exchanged, "No spike is under way between ranks: psolve returned here.");
    m.def("user_step", [] { return exchange().user_step; });
    m.def(
        "set_aligned",
        [](bool on) {
            exchange().aligned = on;
            exchange().off_edges = false;
        },
        py::arg("on"));
    m.def("start_stopwatch", &start_stopwatch);
    m.def("read_stopwatch", [] {
        const RunTime r = read_stopwatch();
        return std::make_pair(r.first_initialized, r.seconds);
    });
}
