#include "server/observability/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"

namespace eventstore::observability {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

double ValueOf(const Metrics& metrics, const std::string& name) {
  const std::string text = "\n" + metrics.Text();
  const auto at = text.find("\n" + name + " ");
  EXPECT_NE(at, std::string::npos) << name << " is not in " << text;
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

TEST(Metrics, WithTypeAndHelp) {
  Metrics metrics;
  metrics.Add(MetricKind::kCounter, "things_total", "Things.", [] { return 12'345'678; });
  metrics.Add(MetricKind::kGauge, "now", "What is now.", [] { return 0.5; });
  EXPECT_THAT(metrics.Text(),
              HasSubstr("# HELP things_total Things.\n# TYPE things_total counter\nthings_total 12345678\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("# TYPE now gauge\nnow 0.5\n"));
}

TEST(Metrics, LabelsAreEscaped) {
  Metrics metrics;
  metrics.AddLabelled(MetricKind::kGauge, "of_group", "Each.",
                      [] { return std::vector<Sample>{{{{"group", "a\"b\\c\nd"}}, 1}}; });
  EXPECT_THAT(metrics.Text(), HasSubstr("of_group{group=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Metrics, WhatIsNotKnownIsAbsent) {
  Metrics metrics;
  metrics.AddLabelled(MetricKind::kGauge, "unknown", "Unknown.", [] { return std::vector<Sample>(); });
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("unknown")));
}

TEST(ProcessMetrics, AreOfThisProcess) {
  Metrics metrics;
  AddProcessMetrics(metrics);
  const double now = static_cast<double>(std::time(nullptr));
  EXPECT_GT(ValueOf(metrics, "process_resident_memory_bytes"), 1'000'000);
  EXPECT_GT(ValueOf(metrics, "process_virtual_memory_bytes"), ValueOf(metrics, "process_resident_memory_bytes"));
  EXPECT_GT(ValueOf(metrics, "process_start_time_seconds"), now - 3600);
  EXPECT_LE(ValueOf(metrics, "process_start_time_seconds"), now + 2);
  EXPECT_GE(ValueOf(metrics, "process_cpu_seconds_total"), 0);
  const double open = ValueOf(metrics, "process_open_fds");
  const int more = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(ValueOf(metrics, "process_open_fds"), open + 1);
  ::close(more);
  EXPECT_GE(ValueOf(metrics, "process_max_fds"), open);
}

}  // namespace
}  // namespace eventstore::observability
