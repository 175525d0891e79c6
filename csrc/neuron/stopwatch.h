#pragma once

namespace ann {

struct RunTime {
    double first_initialized;  // s since the epoch; 0: never
    double seconds;            // in runs
};

void start_stopwatch();
RunTime read_stopwatch();

}  // namespace ann
