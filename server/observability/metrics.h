// What /metrics shows, in Prometheus' text format. Most is sampled when asked for: whoever owns a figure hands in how to
// read it, so nothing is counted twice and no layer below knows of metrics. What is counted for the metrics' sake alone
// (rpc_figures.h) is a Collectable of the client library.
#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::observability {

enum class MetricKind { kCounter, kGauge };

struct Sample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

// Filled before it is asked, by one thread; then thread-safe.
class Metrics {
 public:
  // `name` with its unit, and "_total" for counters. `read` is thread-safe and does not wait for the database.
  void Add(MetricKind kind, std::string name, std::string help, std::function<double()> read);
  // Several values told apart by labels, of which there must be few. None: the metric is absent.
  void AddLabelled(MetricKind kind, std::string name, std::string help, std::function<std::vector<Sample>()> read);
  // Outlives this.
  void AddCollectable(const prometheus::Collectable& collectable) { collectables_.push_back(&collectable); }

  std::string Text() const;

 private:
  struct Family {
    MetricKind kind;
    std::string name;
    std::string help;
    std::function<std::vector<Sample>()> read;
  };
  std::vector<Family> families_;
  std::vector<const prometheus::Collectable*> collectables_;
};

// Of this process, under the names that every Prometheus client uses: processor time, memory, open files, start time.
void AddProcessMetrics(Metrics& metrics);

}  // namespace eventstore::observability
