#include "state.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "errors.h"

namespace ann {
namespace {

// Traces, LSTM and voltages, as floats in a row: move(kept, of the state, how many).
template <class State, class Move>
void each_stretch(const Kept& k, State& s, const Move& move) {
    const size_t GK = size_t(s.GK), H = size_t(s.H);
    for (size_t row = 0; row < size_t(s.B); ++row) {
        for (int ago = 0; ago < s.W; ++ago) {
            const size_t slot = size_t((k.newest + s.W - ago) % s.W);
            move(k.traces + row * k.traces_row + slot * k.traces_bin,
                 s.traces.data() + (row * size_t(s.W) + size_t(ago)) * GK, GK);
        }
        for (size_t part = 0; part < 2 * size_t(s.L); ++part)
            move(k.lstm + row * k.lstm_row + part * k.lstm_part,
                 s.lstm.data() + (row * 2 * size_t(s.L) + part) * H, H);
        if (s.N) move(k.v + row * k.v_row, s.v.data() + row * size_t(s.N), size_t(s.N));
    }
}

// move(kept, the state's two, value at reset) for each gate.
template <class State, class Move>
void each_gate(const Kept& k, State& s, const Move& move) {
    const size_t all = size_t(s.N) * size_t(s.U);
    for (size_t row = 0; row < size_t(s.B); ++row)
        for (size_t i = 0; i < all; ++i) {
            const size_t branch = i / size_t(s.U), unit = i % size_t(s.U);
            auto* first = s.gates.data() + row * 2 * all + i;
            move(k.gates[row * k.gates_row + branch * k.gates_branch + unit], first[0], first[all],
                 k.reset ? k.reset[i] : 0.f);
        }
}

void expect(bool good, const char* name) {
    if (!good)
        throw InputError(std::string("the state's array '") + name +
                         "' does not fit this engine; save it again");
}

}  // namespace

NetworkSizes::NetworkSizes(const Spec& s)
    : W(s.W), GK(s.G * s.K), L(s.L), H(s.H), N(static_cast<int>(s.tree.parents.size())), U(s.U) {}

NetworkState::NetworkState(const NetworkSizes& sizes, int rows)
    : NetworkSizes(sizes),
      B(rows),
      traces(size_t(B) * size_t(W) * size_t(GK)),
      lstm(size_t(B) * size_t(L) * 2 * size_t(H)),
      v(size_t(B) * size_t(N)),
      gates(size_t(B) * 2 * size_t(N) * size_t(U)) {}

void save(const Kept& from, NetworkState& to) {
    each_stretch(from, to,
                 [](const float* kept, float* given, size_t n) { std::copy_n(kept, n, given); });
    each_gate(from, to, [&](float kept, float& first, float& second, float reset) {
        first = from.reset ? reset : kept;
        second = from.reset ? kept : 0.f;
    });
}

void load(const Kept& to, const NetworkState& from) {
    each_stretch(to, from,
                 [](float* kept, const float* given, size_t n) { std::copy_n(given, n, kept); });
    each_gate(to, from, [](float& kept, float first, float second, float reset) {
        kept = (first - reset) + second;
    });
}

void check(const EngineState& given, const EngineState& own, int channels) {
    const auto same = [](const auto& a, const auto& b, const char* name) {
        expect(a.size() == b.size(), name);
    };
    const NetworkState &a = given.network, &b = own.network;
    same(a.traces, b.traces, "traces");
    same(a.lstm, b.lstm, "lstm");
    same(a.v, b.v, "v");
    same(a.gates, b.gates, "gates");
    same(given.hazard, own.hazard, "hazard");
    same(given.last_spike, own.last_spike, "last_spike");
    same(given.heard_t, given.heard_row, "heard_t");
    same(given.due_ahead, given.due_t, "due_ahead");
    same(given.due_row, given.due_t, "due_row");
    same(given.due_channel, given.due_t, "due_channel");
    same(given.due_weight, given.due_t, "due_weight");
    same(given.releases, own.releases, "releases");
    expect(given.agenda_open.size() <= 1 && (given.due_t.empty() || given.agenda_open.size()),
           "agenda_open");
    const auto within = [](const std::vector<int32_t>& values, int size, const char* name) {
        expect(std::all_of(values.begin(), values.end(), [&](int x) { return x >= 0 && x < size; }),
               name);
    };
    within(given.heard_row, b.B, "heard_row");
    within(given.due_row, b.B, "due_row");
    within(given.due_channel, channels, "due_channel");
    within(given.due_ahead, 1 << 20, "due_ahead");
}

}  // namespace ann
