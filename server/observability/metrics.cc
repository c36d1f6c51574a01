#include "server/observability/metrics.h"

#include "fmt/format.h"

namespace eventstore::observability {

std::string PrometheusText(const std::vector<Metric>& metrics) {
  std::string text;
  for (const Metric& metric : metrics) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", metric.name, metric.help,
                        metric.kind == Metric::Kind::kCounter ? "counter" : "gauge", metric.read());
  }
  return text;
}

}  // namespace eventstore::observability
