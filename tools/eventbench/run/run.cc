#include "tools/eventbench/run/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tools/eventbench/load/followers.h"
#include "tools/eventbench/load/worker.h"
#include "tools/eventbench/run/connect.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::milliseconds kMoment{100};
// A series of more points than this is no longer a line that anybody can read.
constexpr double kMostStretches = 600;
constexpr int kMostFollowerConnections = 4;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Clock::duration Seconds(double seconds) { return Clock::duration(std::llround(seconds * 1e9)); }
double InSeconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// Everything of a run while it runs.
class Runner {
 public:
  Runner(const Options& options, const RunHooks& hooks) : options_(options), hooks_(hooks) {
    result_.seed = options.seed != 0 ? options.seed : std::random_device()();
  }

  absl::StatusOr<RunResult> Run() {
    const int threads = std::min(options_.threads, options_.in_flight);
    const int connections = std::clamp(options_.connections, threads, std::max(threads, options_.in_flight));
    auto channels = Connect(options_, connections);
    if (!channels.ok()) return channels.status();
    channels_ = *std::move(channels);
    stub_ = v1::EventStore::NewStub(channels_.front());
    if (absl::Status prepared = Prepare(threads); !prepared.ok()) return prepared;
    if (absl::Status loaded = options_.follow > 0 ? LoadAndFollow() : Load(); !loaded.ok()) return loaded;
    for (auto& worker : workers_) Collect(*worker);
    if (options_.verify) {
      auto verified = Verify(options_, channels_, std::move(ledger_), hooks_.on_progress);
      if (!verified.ok()) return verified.status();
      result_.verified = *std::move(verified);
    }
    return std::move(result_);
  }

 private:
  absl::Status Prepare(int threads) {
    MakeWorkers(threads);
    if (options_.fill == 0 && !options_.mix.Has(Kind::kTail)) return absl::OkStatus();
    for (auto& worker : workers_) {
      if (absl::Status status = Fill(options_, *stub_, *worker, hooks_.on_progress); !status.ok()) return status;
      if (absl::Status status = FindPositions(options_, *stub_, *worker); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void MakeWorkers(int threads) {
    for (int i = 0; i < threads; ++i) {
      WorkerPlan plan{.number = i, .workers = threads, .rate = options_.rate / threads, .seed = result_.seed};
      plan.slots = options_.in_flight / threads + (i < options_.in_flight % threads ? 1 : 0);
      for (auto c = static_cast<std::size_t>(i); c < channels_.size(); c += static_cast<std::size_t>(threads)) {
        plan.channels.push_back(channels_[c]);
      }
      workers_.push_back(std::make_unique<Worker>(options_, std::move(plan)));
    }
  }

  // With subscribers that are live before it begins.
  absl::Status LoadAndFollow() {
    DeliveryClock clock;
    // Connections of their own, as subscribers are other programs.
    auto channels = Connect(options_, std::min(options_.follow, kMostFollowerConnections));
    if (!channels.ok()) return channels.status();
    Followers followers(options_, *channels, clock);
    if (absl::Status live = followers.AwaitLive(); !live.ok()) return live;
    for (auto& worker : workers_) worker->book().set_delivery_clock(&clock);
    clock.MeasureFrom(Clock::now() + Seconds(options_.warmup));
    if (absl::Status loaded = Load(); !loaded.ok()) return loaded;
    if (absl::Status finished = followers.Finish(); !finished.ok()) return finished;
    result_.delivery = clock.Take();
    return absl::OkStatus();
  }

  absl::Status Load() {
    Times times{.begin = Clock::now()};
    times.measured = times.begin + Seconds(options_.warmup);
    times.end = times.measured + Seconds(options_.seconds);
    times.step = Seconds(std::max(1.0, std::ceil(options_.seconds / kMostStretches)));
    result_.recorder = Recorder(times);
    std::vector<std::thread> threads;
    threads.reserve(workers_.size());
    for (auto& worker : workers_) {
      threads.emplace_back([&worker, times] { worker->Run(times); });
    }
    Watch(times);
    for (auto& worker : workers_) worker->Stop();
    for (auto& thread : threads) thread.join();
    return absl::OkStatus();
  }

  void Watch(const Times& times) {
    const auto& [begin, measured, end, step] = times;
    double cpu_before = CpuSeconds();
    bool measuring = false;
    std::int64_t events_before = 0;
    std::int64_t operations_before = 0;
    Instant before = begin;
    LiveFigures live{.seconds_all = InSeconds(end - begin)};
    for (Instant now = begin; now < end; now = Clock::now()) {
      std::this_thread::sleep_until(std::min({end, now + kMoment, measuring ? end : std::max(measured, now)}));
      now = Clock::now();
      if (!measuring && now >= measured) {
        measuring = true;
        cpu_before = CpuSeconds();
      }
      std::int64_t events = 0;
      std::int64_t operations = 0;
      live.errors = 0;
      bool hopeless = false;
      for (const auto& worker : workers_) {
        events += worker->events();
        operations += worker->operations();
        live.errors += worker->errors();
        hopeless = hopeless || worker->gave_up();
      }
      // Smoothed: a figure that jumps ten times a second cannot be read.
      const double passed = std::max(1e-3, InSeconds(now - before));
      const double weight = before == begin ? 1 : 0.2;
      const auto smooth = [&](double& figure, std::int64_t difference) {
        figure += weight * (static_cast<double>(difference) / passed - figure);
      };
      smooth(live.events_per_second, events - events_before);
      smooth(live.operations_per_second, operations - operations_before);
      events_before = events;
      operations_before = operations;
      before = now;
      live.warming_up = !measuring;
      live.seconds_done = InSeconds(now - begin);
      if (hopeless) break;
      if (!hooks_.on_moment(live)) {
        result_.interrupted = true;
        break;
      }
    }
    result_.client_cpu_seconds = CpuSeconds() - cpu_before;
    result_.seconds = std::max(0.0, InSeconds(std::min(Clock::now(), end) - measured));
  }

  void Collect(Worker& worker) {
    result_.recorder.Merge(worker.recorder());
    result_.not_started += worker.not_started();
    if (const auto& failure = worker.hopeless(); failure && result_.hopeless.empty()) {
      result_.hopeless = failure->reason + ": " + failure->message;
    }
    result_.acknowledged_events += worker.book().acknowledged_events();
    ledger_.Merge(std::move(worker.book().ledger()));
  }

  const Options& options_;
  const RunHooks& hooks_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::unique_ptr<v1::EventStore::Stub> stub_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Ledger ledger_;
  RunResult result_;
};

}  // namespace

absl::StatusOr<RunResult> Run(const Options& options, const RunHooks& hooks) { return Runner(options, hooks).Run(); }

}  // namespace eventstore::eventbench
