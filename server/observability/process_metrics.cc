#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "server/observability/metrics.h"

namespace eventstore::observability {
namespace {

// Fields of /proc/self/stat after the program's name, which may hold anything: proc(5) counts them from 3 here.
constexpr int kStartTime = 22;
constexpr int kVirtualBytes = 23;
constexpr int kResidentPages = 24;

double StatField(int number) {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int at = 3; at <= number; ++at) fields >> field;
  return field.empty() ? 0 : std::stod(field);
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenFiles() {
  std::error_code ignored;
  std::filesystem::directory_iterator files("/proc/self/fd", ignored);
  // One is that of the listing itself.
  return static_cast<double>(std::distance(files, {})) - 1;
}

double MaxFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddProcessMetrics(Metrics& metrics) {
  using enum MetricKind;
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const double started = BootTime() + StatField(kStartTime) / static_cast<double>(sysconf(_SC_CLK_TCK));
  metrics.Add(kCounter, "process_cpu_seconds_total", "Processor time of this process, user and system.", CpuSeconds);
  metrics.Add(kGauge, "process_resident_memory_bytes", "Memory of this process that is in RAM.",
              [page] { return StatField(kResidentPages) * page; });
  metrics.Add(kGauge, "process_virtual_memory_bytes", "Address space of this process.",
              [] { return StatField(kVirtualBytes); });
  metrics.Add(kGauge, "process_open_fds", "Open files and sockets.", OpenFiles);
  metrics.Add(kGauge, "process_max_fds", "How many may be open.", MaxFiles);
  metrics.Add(kGauge, "process_start_time_seconds", "When this process started, in seconds since 1970.",
              [started] { return started; });
}

}  // namespace eventstore::observability
