// Short-term plasticity of one connection: Tsodyks & Markram as in Maass & Markram, Neural Netw
// 15:155 (2002). The mechanisms of mod/ have the same equations.
#pragma once
#include <cmath>

namespace ann {

struct Plasticity {
    double U = 0, tau_rec = 0, tau_fac = 0;  // 1, ms, ms; U = 0: static

    bool operator==(const Plasticity& o) const {
        return U == o.U && tau_rec == o.tau_rec && tau_fac == o.tau_fac;
    }
};

inline double decayed(double interval, double tau) {
    return tau > 0 ? std::exp(-interval / tau) : 0;
}

// The weight that counts. `state` is the connection's: u, the used part, the time (ms) of its last
// event; zero at rest.
inline double effective(const Plasticity& k, double weight, double* state, double t) {
    double &u = state[0], &used = state[1], &last = state[2];
    u = k.U + u * (1 - k.U) * decayed(t - last, k.tau_fac);
    const double R = 1 - used * decayed(t - last, k.tau_rec);
    used = 1 - R * (1 - u);
    last = t;
    return weight * u * R;
}

}  // namespace ann
