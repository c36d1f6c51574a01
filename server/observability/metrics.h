// Figures for Prometheus, in its text format 0.0.4. Sampled when asked for: whoever owns a figure hands in how to read
// it, so nothing is counted twice and no layer knows of metrics.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace eventstore::observability {

struct Metric {
  enum class Kind { kCounter, kGauge };
  std::string name;  // with unit and, for counters, "_total"
  std::string help;
  Kind kind = Kind::kGauge;
  std::function<double()> read;  // thread-safe
};

std::string PrometheusText(const std::vector<Metric>& metrics);

}  // namespace eventstore::observability
