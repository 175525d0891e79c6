// Wall time of NEURON's fixed-step runs, whatever integrates the cells: from a finitialize to its
// last step.
#include "stopwatch.h"

#include <chrono>

#include "nrnapi.h"

namespace ann {

using Clock = std::chrono::system_clock;
static Clock::time_point first, start, last;
static double finished = 0;  // s, of the runs before the present one
static bool watching = false, started = false;

static double seconds(Clock::duration d) {
    return std::chrono::duration<double>(d).count();
}

static int watch(int method, int, double*, double*, int thread) {
    if (thread) return 0;
    if (method == 4) last = Clock::now();
    if (method != 1) return 0;
    finished += seconds(last - start);
    start = last = Clock::now();
    if (!started) first = start;
    started = true;
    return 0;
}

void start_stopwatch() {
    if (watching) return;
    watching = true;
    set_nonvint_block(watch);
}

RunTime read_stopwatch() {
    return {started ? seconds(first.time_since_epoch()) : 0, finished + seconds(last - start)};
}

}  // namespace ann
