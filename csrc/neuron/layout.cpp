#include "layout.h"

#include <dlfcn.h>
#include <link.h>

namespace ann {

static void** words(void* object) {
    return static_cast<void**>(object);
}

template <class T>
static std::ptrdiff_t find(void* object, const T& value, int from, int step, int bytes) {
    for (int o = from; o < bytes; o += step)
        if (!std::memcmp(static_cast<char*>(object) + o, &value, sizeof value)) return o;
    return -1;
}

// The item of NEURON's threshold list that points back at the PreSyn, linked into a ring.
static std::ptrdiff_t find_threshold_item(void* presyn, std::ptrdiff_t section) {
    for (int i = int(section) / 8 + 1; i < 40; ++i) {
        auto* q = static_cast<hoc_Item*>(words(presyn)[i]);
        if (!q || static_cast<void*>(q) == nrn_threads || q->element.vd != presyn) continue;
        if (q->next && q->next->prev == q) return i * 8;
    }
    return -1;
}

// The index that a gid's spikes leave the rank with: after the record id, -1 like the gid behind it
// without one.
static std::ptrdiff_t find_output(void* presyn) {
    auto o = find(presyn, probe_record_id, 0, 4, 320);
    if (o < 0 || field<int>(presyn, o + 4) != -1 || field<int>(presyn, o + 8) != -1) return -1;
    return o + 4;
}

static void* newest(const char* name, int back) {
    hoc_Item* q = hoc_lookup(name)->u.ctemplate->olist;
    for (int i = 0; i <= back; ++i) q = q->prev;
    return q->element.obj->u.this_pointer;
}

// The first byte behind its pointers that differs between a NetCon that is on and one that is off.
static std::ptrdiff_t find_active(int on, int off) {
    char *a = static_cast<char*>(newest("NetCon", on)),
         *b = static_cast<char*>(newest("NetCon", off));
    double *weight, *threshold, *delay;
    Point_process* target;
    nrn_netcon_info(reinterpret_cast<NetCon*>(a), &weight, &target, &threshold, &delay);
    for (auto o = find(a, weight, 8, 8, 48) + 16; o >= 24 && o < 64; ++o)
        if (a[o] == 1 && b[o] == 0) return o;
    return -1;
}

static void find_functions(Layout& l, void* presyn) {
    void** functions = static_cast<void**>(*words(presyn));
    Dl_info info;
    ElfW(Sym)* symbol = nullptr;
    if (!dladdr1(functions, &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) || !symbol)
        return;
    void** begin = static_cast<void**>(info.dli_saddr);
    l.functions.assign(begin, begin + symbol->st_size / sizeof(void*));
    l.neurons_functions = functions;
    l.first_function = functions - begin;
    l.send = find(begin, &presyn_send, 0, 8, int(symbol->st_size)) / 8;
    l.deliver = find(begin, &presyn_deliver, 0, 8, int(symbol->st_size)) / 8;
}

// Whether a source's NetCons have one delay: before the record id.
static void find_shared_delay(Layout& l, void* presyn) {
    if (field<int>(presyn, l.output - 8) == 0) l.shares_delay = l.output - 8;
}

// What record(callable) sets: after the two Vectors, before the thread and the threshold item.
static void find_callback(Layout& l, void* presyn) {
    void* const expected[] = {newest("Vector", 5), newest("Vector", 4), nullptr, nrn_threads};
    const auto o = find(presyn, expected, 8, 8, 320);
    if (o >= 0) l.callback = o + 2 * std::ptrdiff_t(sizeof(void*));
}

static void find_source_fields(Layout& l, const Handle& v) {
    double *weight, *threshold, *delay;
    Point_process* target;
    nrn_netcon_info(static_cast<NetCon*>(newest("NetCon", 0)), &weight, &target, &threshold,
                    &delay);
    void* presyn = net_cvode_instance_psl()->back();
    l.threshold = reinterpret_cast<char*>(threshold) - static_cast<char*>(presyn);
    l.variable = find(presyn, v, 8, 8, 320);
    l.section = find(presyn, chk_access(), 8, 8, 320);
    if (l.section >= 0) l.threshold_item = find_threshold_item(presyn, l.section);
    l.output = find_output(presyn);
    l.active = find_active(2, 1);
    if (l.output >= 0) find_shared_delay(l, presyn);
    if (l.threshold_item >= 0) find_callback(l, presyn);
    find_functions(l, presyn);
}

static void find_recorder_fields(Layout& l, const Handle& v) {
    const auto& all = *net_cvode_instance_prl();
    void *step = all[all.size() - 3], *dt = all[all.size() - 2], *times = all.back();
    l.every_step = *words(step);
    l.every_dt = *words(dt);
    l.at_times = *words(times);
    l.recorded = find(step, v, 8, 8, 160);
    l.samples = find(step, newest("Vector", 2), 8, 8, 160);
    l.sample_dt = find(dt, probe_sample_dt, 8, 8, 160);
    l.sample_times = find(times, newest("Vector", 3), 8, 8, 160);
}

bool Layout::complete() const {
    return threshold > 0 && variable > 0 && section > 0 && threshold_item > 0 && output > 0 &&
           recorded > 0 && samples > 0 && sample_dt > 0 && sample_times > 0;
}

bool Layout::can_fan_out() const {
    return shares_delay > 0 && active > 0 && callback > 0 && send > 0 && deliver > 0;
}

PreSyn* source_at(double* threshold) {
    return reinterpret_cast<PreSyn*>(reinterpret_cast<char*>(threshold) - layout().threshold);
}

Layout& layout() {
    static Layout l;
    return l;
}

bool calibrate() {
    Layout l;
    const Handle v = nrn_rangepointer(chk_access(), hoc_lookup("v"), 0.5);
    find_source_fields(l, v);
    find_recorder_fields(l, v);
    if (l.complete()) layout() = l;
    return l.complete();
}

}  // namespace ann
