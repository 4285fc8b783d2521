#pragma once
/// Numbers as people read them. Private to results/.
#include <string>

namespace dsabench::report {

/// Four significant digits, never an exponent.
std::string significant(double value);
/// "8.034 (8.011–8.072)".
std::string with_interval(double value, double low, double high);

}  // namespace dsabench::report
