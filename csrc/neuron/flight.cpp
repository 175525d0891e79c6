#include "flight.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "model.h"

namespace ann {

// It lands without a look at its NetCon, which lies far apart from those that land beside it.
struct Flight {
    double t;  // ms
    NetCon* netcon;
    double* weight;  // the NetCon's
    int port;
    uint32_t age;  // NetCons deleted before it took off
};

using Flights = std::vector<Flight>;

// The ms that is under way lies in stretches of 1/64 ms, whose edges are exact, and 64 ms ahead in
// a ring: few lists grow at a time, so that their ends stay in the cache.
constexpr int64_t per_ms = 64;
constexpr int64_t most_ms = 64;
constexpr size_t ahead = 16;  // flights, whose memory is fetched before they land

static std::vector<Flights> this_ms(per_ms);
static std::vector<Flights> later(most_ms);
static std::vector<Flights> spare;                                // emptied ones, with their memory
static int64_t first = -1;                                        // stretch of the last landing
static double landed = -std::numeric_limits<double>::infinity();  // ms, its time
static size_t flying = 0;
static long taken_off = 0;
static uint32_t age = 0;
static std::unordered_map<NetCon*, uint32_t> deleted;

static int64_t stretch(double t) {
    return int64_t(std::floor(std::clamp(t, -1e12, 1e12) * double(per_ms)));
}

// Of a stretch.
static int64_t ms_of(int64_t s) {
    return (s - (s & (per_ms - 1))) / per_ms;
}

static Flights& in_this_ms(int64_t s) {
    return this_ms[size_t(s & (per_ms - 1))];
}

static Flights& in_later(int64_t ms) {
    return later[size_t(ms & (most_ms - 1))];
}

static Flights& list_of(int64_t s) {
    if (ms_of(s) == ms_of(first)) return in_this_ms(s);
    Flights& flights = in_later(ms_of(s));
    if (!flights.capacity() && !spare.empty()) {
        flights.swap(spare.back());
        spare.pop_back();
    }
    return flights;
}

static void land(const Flight&);

bool fly(NetCon* netcon, double* weight, double t, int port) {
    if (!(t < double(first) / double(per_ms) + double(most_ms))) return false;  // NaN too
    ++taken_off;
    if (t <= landed && !any_plastic()) {  // NEURON delivers it next
        land({t, netcon, weight, port, age});
        return true;
    }
    const int64_t s = std::max(stretch(t), first);
    Flight& f = list_of(s).emplace_back();  // filled in place: a copy would wait for its parts
    f.t = t;
    f.netcon = netcon;
    f.weight = weight;
    f.port = port;
    f.age = age;
    ++flying;
    return true;
}

static void recycle(Flights& flights) {
    if (!flights.capacity()) return;
    flights.clear();
    spare.emplace_back();
    spare.back().swap(flights);
}

// Null: it was deleted.
static NetCon* alive(const Flight& f) {
    if (!deleted.empty()) {
        const auto it = deleted.find(f.netcon);
        if (it != deleted.end() && f.age <= it->second) return nullptr;
    }
    return f.netcon;
}

static void prefetch(const Flight& f) {
    __builtin_prefetch(f.weight);
    prefetch_port(f.port);
}

static void land(const Flight& f) {
    if (alive(f)) land(f.port, f.weight, f.t);
}

static void land(Flights& flights, double until) {
    if (any_plastic())  // their state is the order's
        std::stable_sort(flights.begin(), flights.end(),
                         [](const Flight& a, const Flight& b) { return a.t < b.t; });
    const size_t n = flights.size();
    size_t kept = 0;
    for (size_t i = 0; i < std::min(2 * ahead, n); ++i) prefetch(flights[i]);
    for (size_t i = 0; i < std::min(ahead, n); ++i) prefetch_plasticity(flights[i].port);
    for (size_t i = 0; i < n; ++i) {
        if (i + 2 * ahead < n) prefetch(flights[i + 2 * ahead]);
        if (i + ahead < n) prefetch_plasticity(flights[i + ahead].port);
        if (flights[i].t > until)
            flights[kept++] = flights[i];
        else
            land(flights[i]);
    }
    flying -= n - kept;
    flights.resize(kept);
}

// The next ms is under way.
static void share_out(int64_t ms) {
    Flights& flights = in_later(ms);
    for (const Flight& f : flights) {
        prefetch(f);
        in_this_ms(stretch(f.t)).push_back(f);
    }
    recycle(flights);
}

void land(double until) {
    const int64_t last = stretch(until);
    if (last < first) spill();  // t went back
    for (int64_t s = first; flying && s <= std::min(last, first + per_ms * most_ms - 1); ++s) {
        if (ms_of(s) != ms_of(s - 1) && s != first) share_out(ms_of(s));
        if (!in_this_ms(s).empty()) land(in_this_ms(s), until);
    }
    first = last;
    landed = until;
    if (!flying) deleted.clear();
}

// Null: what NEURON itself does not survive. With another target come other weights.
static Point_process* target_of(Flight& f) {
    NetCon* netcon = alive(f);
    if (!netcon) return nullptr;
    double *threshold, *delay;
    Point_process* target;
    nrn_netcon_info(netcon, &f.weight, &target, &threshold, &delay);
    return target && target->prop ? target : nullptr;
}

static void queue(const Flight& f) {
    auto* event = reinterpret_cast<DiscreteEvent*>(f.netcon);
    net_cvode_instance->event(f.t, event, nrn_threads);
}

template <class Do>
static void each_list(const Do& work) {
    for (Flights& flights : this_ms) work(flights);
    for (Flights& flights : later) work(flights);
}

void spill() {
    if (!flying) return;
    each_list([](Flights& flights) {
        for (Flight& f : flights)
            if (target_of(f)) queue(f);
        flights.clear();
    });
    flying = 0;
    deleted.clear();
}

// Whether it still flies.
static bool redirect(Flight& f) {
    const Point_process* target = target_of(f);
    f.port = target ? find_port(target) : -1;
    if (target && f.port < 0) queue(f);
    return f.port >= 0;
}

void redirect_flights() {
    if (!flying) return;
    flying = 0;
    each_list([](Flights& flights) {
        size_t kept = 0;
        for (Flight& f : flights)
            if (redirect(f)) flights[kept++] = f;
        flights.resize(kept);
        flying += kept;
    });
}

void forget_flights() {
    each_list([](Flights& flights) { Flights().swap(flights); });
    spare.clear();
    deleted.clear();
    first = -1;
    landed = -std::numeric_limits<double>::infinity();
    flying = 0;
}

long flights() {
    return taken_off;
}

void forget_flights(NetCon* netcon) {
    if (flying) deleted[netcon] = age++;
}

}  // namespace ann
