// eventstored: settings -> parts -> run.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/system_clock.h"
#include "server/embedded/private_postgres.h"
#include "server/observability/http_server.h"
#include "server/service/event_store_service.h"
#include "server/service/health_monitor.h"
#include "server/service/server.h"
#include "server/service/subscriptions_service.h"
#include "server/settings/settings.h"
#include "server/storage/closing_thread.h"
#include "server/storage/conninfo.h"
#include "server/storage/engines/engine.h"
#include "server/storage/migration_set.h"
#include "server/storage/migrator.h"
#include "server/storage/shutting_down.h"
#include "server/storage/store_identity.h"
#include "server/subscriptions/group_coordinator.h"
#include "spdlog/spdlog.h"

namespace {

using eventstore::settings::Settings;

// Reads waiting for a connection: a few seconds of work for the pool.
constexpr std::size_t kMaxQueuedReads = 1024;

// For each client to make one more call and be refused.
constexpr std::chrono::milliseconds kTimeToLeave{300};

// As consumer groups show it: which process a consumer is connected to.
std::string ProcessName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return fmt::format("unknown:{}", getpid());
  return fmt::format("{}:{}", host.data(), getpid());
}

absl::Status Migrate(const Settings& settings, const std::string& conninfo) {
  eventstore::storage::MigrationOptions options;
  options.lanes = settings.lanes;
  options.notice = [](const std::string& text) { spdlog::info("migrations: {}", text); };
  auto engine = eventstore::storage::ChooseEngine(conninfo, settings.engine);
  if (!engine.ok()) return engine.status();
  auto set = eventstore::storage::MigrationSet::Embedded(*engine);
  if (!set.ok()) return set.status();
  eventstore::storage::Migrator migrator(conninfo, *std::move(set));
  if (settings.no_migrate) {
    auto status = migrator.Status();
    if (!status.ok()) return status.status();
    if (status->pending == 0) return absl::OkStatus();
    return eventstore::domain::ErrorOf(
        eventstore::domain::Reason::kStoreIncompatible,
        fmt::format("{} migrations are pending and --no-migrate is set; run `eventctl migrate up`", status->pending));
  }
  return migrator
      .Up(options,
          [](const auto& migration, int done, int total) {
            if (migration.applied) {
              spdlog::info("migration {:04} {} applied in {} ms ({}/{})", migration.number, migration.name,
                           migration.duration_ms, done, total);
            }
          })
      .status();
}

// Ends the process at a second signal, or when draining hangs: a database that neither answers nor breaks the
// connection keeps its callers' threads for ever. Nothing that was acknowledged depends on a clean end.
void WatchShutdown(sigset_t stop_signals, std::chrono::seconds drain) {
  using std::chrono::steady_clock;
  // Covers the clean stop of a private PostgreSQL, which may take a minute.
  const auto until = steady_clock::now() + drain + std::chrono::seconds{90};
  std::thread([stop_signals, until] {
    int again = 0;
    do {
      const auto left = std::max(until - steady_clock::now(), steady_clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec wait{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
      again = sigtimedwait(&stop_signals, nullptr, &wait);
      // A process that is stopped and continued, or traced, is interrupted without a signal of ours.
    } while (again < 0 && errno == EINTR);
    // Not by the logger: it may be gone already when the process is at its end.
    std::fputs(again > 0 ? "second signal; ending without waiting any longer\n"
                         : "draining did not end in time; ending without waiting any longer\n",
               stderr);
    std::_Exit(again > 0 ? 130 : 1);
  }).detach();
}

absl::Status Serve(const Settings& settings, const std::string& conninfo, const sigset_t& stop_signals) {
  using namespace eventstore;  // NOLINT(google-build-using-namespace): the parts of every layer meet here
  if (absl::Status migrated = Migrate(settings, conninfo); !migrated.ok()) return migrated;

  const domain::SystemClock clock;
  domain::UuidV7Maker ids(clock);
  const auto sleep = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); };
  storage::ChunkCatalog chunks;
  storage::StoreIdentity identity;
  {
    storage::Session session(conninfo, "start");
    auto checked = storage::EnsureIdentity(session, chunks);
    if (!checked.ok()) return checked.status();
    identity = *std::move(checked);
  }
  service::CallCount calls;
  service::OpenStreams open_streams;
  storage::ReadExecutor readers(conninfo, settings.read_connections, kMaxQueuedReads, clock);
  // Outlives the appender, which wakes it, and the streams.
  subscriptions::Tail tail({}, conninfo, chunks, clock);
  storage::AppenderOptions appender_options;
  appender_options.committed = [&tail] { tail.Nudge(); };
  appender_options.max_queue_per_lane = static_cast<std::size_t>(settings.max_queue);
  storage::Appender appender(appender_options, conninfo, identity.lanes, chunks, readers, clock, sleep);
  // Ends before the appender and the readers do, and with the draining: it must not delay the stop.
  std::unique_ptr<storage::ClosingThread> closing;
  if (settings.close_chunks_seconds > 0) {
    storage::ClosingThreadOptions closing_options;
    closing_options.interval = std::chrono::seconds{settings.close_chunks_seconds};
    closing = std::make_unique<storage::ClosingThread>(conninfo, closing_options);
  }
  service::PageMemory page_memory(service::kGenerousPages);
  service::EventStoreService event_store({calls, open_streams, appender, readers, chunks, page_memory, clock, ids,
                                          std::chrono::milliseconds{settings.default_deadline_ms}});
  // Outlives the streams, as the tail does.
  subscriptions::GroupCoordinator groups({}, conninfo, tail, readers, chunks, clock, ProcessName());
  service::SubscriptionsService subscriptions({calls, open_streams, tail, readers, chunks, page_memory, clock,
                                               std::chrono::milliseconds{settings.default_deadline_ms}},
                                              groups, ids);

  auto server =
      service::GrpcServer::Start(settings.grpc_listen, {&event_store, &subscriptions},
                                 {v1::EventStore::service_full_name(), v1::Subscriptions::service_full_name()});
  if (!server.ok()) return server.status();
  service::HealthMonitor health(conninfo, [&](bool serving) { (*server)->SetServing(serving); });
  using observability::Metric;
  auto http = observability::HttpServer::Start(
      settings.http_listen, [&] { return health.serving(); },
      {{"eventstore_serving", "1 while the database answers and the server is not draining.", Metric::Kind::kGauge,
        [&] { return health.serving() ? 1 : 0; }},
       {"eventstore_append_queue_requests", "Appends waiting for their lane.", Metric::Kind::kGauge,
        [&] { return static_cast<double>(appender.queued()); }},
       {"eventstore_read_queue_requests", "Reads waiting for a connection.", Metric::Kind::kGauge,
        [&] { return static_cast<double>(readers.queued()); }},
       {"eventstore_subscriptions", "Subscribers of this process.", Metric::Kind::kGauge,
        [&] { return static_cast<double>(tail.listeners()); }},
       {"eventstore_subscription_horizon_lag_seconds",
        "How long an append that is under way has been holding back what subscribers get.", Metric::Kind::kGauge,
        [&] { return std::chrono::duration<double>(tail.horizon_lag()).count(); }},
       {"eventstore_consumer_groups", "Consumer groups at work in this process.", Metric::Kind::kGauge,
        [&] { return static_cast<double>(groups.groups()); }},
       {"eventstore_consumers", "Consumers of groups that are connected to this process.", Metric::Kind::kGauge,
        [&] { return static_cast<double>(groups.consumers()); }},
       {"eventstore_parked_events_total", "Events that consumer groups of this process have set aside.",
        Metric::Kind::kCounter, [&] { return static_cast<double>(groups.parked()); }},
       {"eventstore_appended_events_total", "Events committed by this process.", Metric::Kind::kCounter,
        [&] { return static_cast<double>(appender.appended_events()); }},
       {"eventstore_partitions_repaired_total",
        "Partitions that appends had to make because there was none for their time.", Metric::Kind::kCounter,
        [&] { return static_cast<double>(appender.partitions_repaired()); }},
       {"eventstore_append_transactions_total", "Transactions committed by this process.", Metric::Kind::kCounter,
        [&] { return static_cast<double>(appender.transactions()); }}});
  if (!http.ok()) return http.status();
  const auto host = [](const std::string& listen) { return listen.substr(0, listen.rfind(':')); };
  spdlog::info("serving gRPC on {}:{} and HTTP on {}:{} (engine {}{}, {} lanes)", host(settings.grpc_listen),
               (*server)->port(), host(settings.http_listen), (*http)->port(), identity.engine,
               identity.edition.empty() ? "" : fmt::format(", {} edition", identity.edition), identity.lanes);

  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("{}: draining, up to {} s; a second signal ends at once", signal == SIGINT ? "SIGINT" : "SIGTERM",
               settings.drain_seconds);
  WatchShutdown(stop_signals, std::chrono::seconds{settings.drain_seconds});
  health.Stop();
  closing.reset();
  // New calls get UNAVAILABLE from here on, with the request to come back later, so that hardly a call is under way
  // when the connections are closed.
  const std::chrono::seconds drain{settings.drain_seconds};
  appender.Refuse();  // before waiting for the reads
  open_streams.Close(storage::ShuttingDown());
  groups.Stop();  // writes what the consumers that just went have answered
  readers.Drain(clock.Monotonic() + drain);
  appender.Drain();
  std::this_thread::sleep_for(kTimeToLeave);
  if (!calls.AwaitNone(drain)) spdlog::warn("some calls did not end in {} s and are cut off", drain.count());
  (*server)->Shutdown();
  return absl::OkStatus();
}

absl::Status Run(const Settings& settings, const sigset_t& stop_signals) {
  if (!settings.database_url.empty()) {
    spdlog::info("database: {}", eventstore::storage::DescribeConninfo(settings.database_url));
    return Serve(settings, settings.database_url, stop_signals);
  }
  eventstore::embedded::PrivatePostgresOptions options;
  options.data_dir = settings.data_dir;
  options.max_connections = std::max(options.max_connections, settings.lanes + settings.read_connections + 32);
  options.stop_requested = [] {
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
  };
  auto postgres = eventstore::embedded::PrivatePostgres::Start(options);
  if (!postgres.ok()) return postgres.status();
  const absl::Status served = Serve(settings, (*postgres)->conninfo(), stop_signals);
  (*postgres)->Stop();
  return served;
}

}  // namespace

int main(int argc, char** argv) {
  auto command = eventstore::settings::ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc),
                                                        eventstore::settings::ProcessEnvironment());
  if (!command.ok()) {
    fmt::print(stderr, "eventstored: {}\n", std::string(command.status().message()));
    return 2;
  }
  if (!command->text.empty()) {
    fmt::print("{}", command->text);
    return 0;
  }
  spdlog::set_level(spdlog::level::from_str(command->settings.log_level));
  // Blocked before any thread starts, so that every thread inherits it and sigwait is the only receiver.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const absl::Status run = Run(command->settings, stop_signals);
  if (run.ok()) {
    spdlog::info("stopped");
    return 0;
  }
  spdlog::error("{}", std::string(run.message()));
  return 1;
}
