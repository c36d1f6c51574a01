#include "server/observability/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace eventstore::observability {

void Metrics::Add(MetricKind kind, std::string name, std::string help, std::function<double()> read) {
  AddLabelled(kind, std::move(name), std::move(help),
              [read = std::move(read)] { return std::vector<Sample>{{{}, read()}}; });
}

void Metrics::AddLabelled(MetricKind kind, std::string name, std::string help,
                          std::function<std::vector<Sample>()> read) {
  families_.push_back({kind, std::move(name), std::move(help), std::move(read)});
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> all;
  for (const Family& family : families_) {
    const bool counter = family.kind == MetricKind::kCounter;
    prometheus::MetricFamily shown{
        family.name, family.help, counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge, {}};
    for (const Sample& sample : family.read()) {
      auto& metric = shown.metric.emplace_back();
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      (counter ? metric.counter.value : metric.gauge.value) = sample.value;
    }
    if (!shown.metric.empty()) all.push_back(std::move(shown));
  }
  for (const auto* collectable : collectables_) {
    for (auto& family : collectable->Collect()) {
      if (!family.metric.empty()) all.push_back(std::move(family));
    }
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace eventstore::observability
