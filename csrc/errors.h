// What can be wrong with a caller's input or the machine. Our own bugs are asserts.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

#include "population.h"

namespace ann {

// A number as a message shows it: 0.3, 1e+39, nan.
inline std::string written(double value) {
    std::ostringstream text;
    text.precision(12);
    text << value;
    return text.str();
}

// An argument or an event is out of its range; the message names the value.
struct ANN_SHARED InputError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

// A CUDA device is missing, lost or full; the message says what to do.
struct ANN_SHARED DeviceError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The network of one row gave inf or NaN. The row's state is spoilt: reset before the next step.
struct ANN_SHARED NonFiniteError : std::runtime_error {
    NonFiniteError(int row, double t0, size_t inputs)
        : std::runtime_error("expected finite outputs, got inf or NaN in row " +
                             std::to_string(row) + ", bin at t = " + written(t0) + " ms, after " +
                             std::to_string(inputs) +
                             " events in that bin; check these events' weights and times, then "
                             "reset the engine"),
          row(row),
          t0(t0),
          inputs(inputs) {}
    int row;
    double t0;  // ms
    size_t inputs;
};

}  // namespace ann
