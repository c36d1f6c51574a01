// eventstored: settings -> parts -> run.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/system_clock.h"
#include "server/embedded/private_postgres.h"
#include "server/erasure/vault.h"
#include "server/housekeeping/housekeeper.h"
#include "server/limits_of.h"
#include "server/observability/http_server.h"
#include "server/observability/log_format.h"
#include "server/security/authenticator.h"
#include "server/server_metrics.h"
#include "server/service/access_watch.h"
#include "server/service/analytics/analytics_service.h"
#include "server/service/erasure_service.h"
#include "server/service/event_store_service.h"
#include "server/service/health_monitor.h"
#include "server/service/housekeeper_service.h"
#include "server/service/operations/operations_service.h"
#include "server/service/server.h"
#include "server/service/subscriptions_service.h"
#include "server/settings/settings.h"
#include "server/storage/closing_thread.h"
#include "server/storage/conninfo.h"
#include "server/storage/engines/engine.h"
#include "server/storage/migration_set.h"
#include "server/storage/migrator.h"
#include "server/storage/partitions.h"
#include "server/storage/shutting_down.h"
#include "server/storage/store_identity.h"
#include "server/subscriptions/change_tail.h"
#include "server/subscriptions/group_coordinator.h"
#include "server/tls/contexts.h"
#include "server/upkeep_view.h"
#include "spdlog/spdlog.h"

namespace {

using eventstore::settings::Settings;

// Reads waiting for a connection: a few seconds of work for the pool.
constexpr std::size_t kMaxQueuedReads = 1024;

// For each client to make one more call and be refused.
constexpr std::chrono::milliseconds kTimeToLeave{300};

// As consumer groups and runs of the housekeeper show it: which process.
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

absl::StatusOr<eventstore::housekeeping::TaskSettings> TaskSettingsOf(const Settings& settings) {
  eventstore::housekeeping::TaskSettings tasks;
  tasks.compress_after_days = settings.compress_after_days;
  tasks.keep_runs_days = settings.keep_runs_days;
  tasks.keep_audit_days = settings.keep_audit_days;
  tasks.worker_timeout = std::chrono::seconds{settings.worker_timeout_seconds};
  auto by_type = eventstore::domain::ParseRetentionByType(settings.retention_by_type);
  if (!by_type.ok()) return by_type.status();
  tasks.retention.rules = {settings.retention_days, *std::move(by_type)};
  tasks.retention.archive = settings.archive == "files";
  tasks.retention.archive_dir = eventstore::settings::ArchiveDir(settings);
  return tasks;
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

absl::Status Serve(const Settings& settings, const std::string& conninfo, const eventstore::observability::Log& log,
                   const sigset_t& stop_signals) {
  using namespace eventstore;  // NOLINT(google-build-using-namespace): the parts of every layer meet here
  if (absl::Status migrated = Migrate(settings, conninfo); !migrated.ok()) return migrated;

  const domain::SystemClock clock;
  domain::UuidV7Maker ids(clock);
  const auto sleep = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); };
  storage::ChunkCatalog chunks;
  storage::StoreIdentity identity;
  {
    storage::Session session(conninfo, "start");
    auto checked = storage::EnsureIdentityAtStart(session, chunks);
    if (!checked.ok()) return checked.status();
    identity = *std::move(checked);
  }
  service::CallCount call_count;
  observability::RpcFigures rpc_figures(service::RpcNames());
  observability::RequestLogOptions log_options;
  log_options.slow = std::chrono::milliseconds{settings.slow_request_ms};
  observability::RequestLog request_log(
      log_options, clock, [&log](auto level, auto message, const auto& fields) { log.Write(level, message, fields); });
  std::unique_ptr<security::Authenticator> authenticator;
  if (!settings.auth_keys.empty() || !settings.jwt_jwks.empty()) {
    security::AuthenticatorOptions auth_options;
    auth_options.key_file = settings.auth_keys;
    auth_options.jwks_file = settings.jwt_jwks;
    auth_options.tokens = {settings.jwt_issuer, settings.jwt_audience, settings.jwt_claim,
                           std::chrono::seconds{settings.jwt_clock_skew_seconds}};
    auth_options.say = [](const std::string& text) { spdlog::info("auth: {}", text); };
    auth_options.warn = [](const std::string& text) { spdlog::warn("auth: {}", text); };
    auto started = security::Authenticator::Start(std::move(auth_options), clock);
    if (!started.ok()) return started.status();
    authenticator = *std::move(started);
  }
  service::Quotas quotas(QuotasOf(settings), clock);
  const service::Gate gate(authenticator.get(), RequestLimitsOf(settings), quotas);
  service::AuditTrail audit(ids, clock);
  const service::CallBook calls{gate, call_count, rpc_figures, request_log, clock, ids, audit};
  // Outlives the appender and the streams.
  auto vault = erasure::Vault::Start({settings.erasure_master_key_file, settings.erasure_rules}, conninfo, clock, ids);
  if (!vault.ok()) return vault.status();
  if (*vault) spdlog::info("erasure: {} rules", (*vault)->rules());
  service::OpenStreams open_streams;
  std::optional<service::AccessWatch> access_watch;
  if (authenticator) access_watch.emplace(gate, open_streams);
  storage::ReadExecutor readers(conninfo, settings.read_connections, kMaxQueuedReads, clock);
  // Outlives the appender, which wakes it, and the streams.
  subscriptions::Tail tail({}, conninfo, chunks, clock);
  AppendFigures append_figures;
  storage::AppenderOptions appender_options;
  appender_options.observer = &append_figures;
  appender_options.vault = vault->get();
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
  service::PageMemory page_memory(service::kGenerousPages, static_cast<std::size_t>(settings.max_page_bytes));
  service::EventStoreService event_store({calls, open_streams, appender, readers, chunks, page_memory, clock, ids,
                                          std::chrono::milliseconds{settings.default_deadline_ms}, vault->get()});
  // Outlives the streams, as the tail does.
  subscriptions::GroupCoordinator groups({}, conninfo, tail, readers, chunks, clock, ProcessName());
  subscriptions::GroupSamplerOptions sampler_options;
  sampler_options.interval = std::chrono::seconds{settings.sample_groups_seconds};
  subscriptions::GroupSampler group_sampler(sampler_options, readers, chunks, clock);
  service::SubscriptionsService subscriptions({calls, open_streams, tail, readers, chunks, page_memory, clock,
                                               std::chrono::milliseconds{settings.default_deadline_ms}, vault->get()},
                                              groups, ids);
  const auto partitions = storage::PartitionsOf(identity.engine, identity.edition);
  housekeeping::StatusBoard upkeep_board;
  housekeeping::HousekeeperOptions upkeep_options;
  upkeep_options.runner.lock_timeout = std::chrono::milliseconds{settings.housekeeper_lock_timeout_ms};
  upkeep_options.retry.first = std::chrono::seconds{settings.housekeeper_retry_seconds};
  auto task_settings = TaskSettingsOf(settings);
  if (!task_settings.ok()) return task_settings.status();
  auto tasks = housekeeping::MakeTasks(*task_settings, conninfo, identity.edition, *partitions);
  const auto task_descriptions = housekeeping::Descriptions(tasks);
  std::unique_ptr<housekeeping::Housekeeper> housekeeper;
  if (settings.housekeeper) {
    housekeeper = std::make_unique<housekeeping::Housekeeper>(upkeep_options, conninfo, ProcessName(), std::move(tasks),
                                                              *partitions, clock, upkeep_board);
  }
  service::HousekeeperService upkeep_service({calls, readers, clock,
                                              std::chrono::milliseconds{settings.default_deadline_ms}, *partitions,
                                              identity.engine, task_descriptions, upkeep_options, housekeeper.get()});
  // Operational records have connections of their own, so that they and events do not wait for each other.
  storage::ReadExecutor operations_pool(conninfo, settings.operations_connections, kMaxQueuedReads, clock, "operations",
                                        storage::SessionKind::kGeneral);
  subscriptions::ChangeTail change_tail({}, conninfo, clock);
  service::OperationsService operations({calls, open_streams, operations_pool, change_tail, clock,
                                         std::chrono::milliseconds{settings.default_deadline_ms}, ids});
  service::AnalyticsService analytics(
      {calls, readers, chunks, clock, std::chrono::milliseconds{settings.default_deadline_ms}});

  service::ErasureService erasure_service(
      {calls, readers, clock, std::chrono::milliseconds{settings.default_deadline_ms}, vault->get()});

  auto transport = tls::MakeTransport({settings.tls_cert, settings.tls_key, settings.tls_client_ca},
                                      settings.http_tls_client_ca, clock);
  if (!transport.ok()) return transport.status();
  auto server = service::GrpcServer::Start(
      settings.grpc_listen, transport->grpc,
      {&event_store, &subscriptions, &upkeep_service, &operations, &analytics, &erasure_service},
      {v1::EventStore::service_full_name(), v1::Subscriptions::service_full_name(),
       v1::Housekeeper::service_full_name(), v1::Operations::service_full_name(), v1::Analytics::service_full_name(),
       v1::Erasure::service_full_name()},
      settings.reflection, ConnectionLimitsOf(settings), call_count);
  if (!server.ok()) return server.status();
  service::HealthMonitor health(conninfo, [&](bool serving) { (*server)->SetServing(serving); });
  const observability::ReadUpkeep upkeep = [&] {
    return UpkeepView(*upkeep_board.Get(), static_cast<std::int64_t>(appender.partitions_repaired()));
  };
  observability::Metrics metrics;
  AddServerMetrics(metrics,
                   {identity, rpc_figures, request_log, append_figures, appender, readers, tail, operations_pool,
                    change_tail, groups, group_sampler, health, **server, transport->http.get(), upkeep});
  std::atomic<bool> draining = false;
  auto http = observability::HttpServer::Start(
      settings.http_listen, transport->http.get(),
      [&] { return observability::ServingFacts{draining, health.database_answers(), upkeep()}; }, metrics, clock);
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
  draining = true;
  health.Stop();
  group_sampler.Stop();
  closing.reset();
  if (housekeeper) housekeeper->Stop();
  // New calls get UNAVAILABLE from here on, with the request to come back later, so that hardly a call is under way
  // when the connections are closed.
  const std::chrono::seconds drain{settings.drain_seconds};
  appender.Refuse();  // before waiting for the reads
  open_streams.Close(storage::ShuttingDown());
  groups.Stop();  // writes what the consumers that just went have answered
  readers.Drain(clock.Monotonic() + drain);
  operations_pool.Drain(clock.Monotonic() + drain);
  appender.Drain();
  std::this_thread::sleep_for(kTimeToLeave);
  if (!call_count.AwaitNone(drain)) spdlog::warn("some calls did not end in {} s and are cut off", drain.count());
  (*server)->Shutdown();
  return absl::OkStatus();
}

absl::Status Run(const Settings& settings, const eventstore::observability::Log& log, const sigset_t& stop_signals) {
  if (!settings.database_url.empty()) {
    spdlog::info("database: {}", eventstore::storage::DescribeConninfo(settings.database_url));
    return Serve(settings, settings.database_url, log, stop_signals);
  }
  eventstore::embedded::PrivatePostgresOptions options;
  options.data_dir = settings.data_dir;
  options.max_connections = std::max(options.max_connections,
                                     settings.lanes + settings.read_connections + settings.operations_connections + 32);
  options.stop_requested = [] {
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
  };
  auto postgres = eventstore::embedded::PrivatePostgres::Start(options);
  if (!postgres.ok()) return postgres.status();
  const absl::Status served = Serve(settings, (*postgres)->conninfo(), log, stop_signals);
  (*postgres)->Stop();
  return served;
}

}  // namespace

int main(int argc, char** argv) {
  // Debian's abseil looks for cycles at every lock, 50 ns each; a call through gRPC takes dozens of them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
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
  const eventstore::observability::Log log(command->settings.log_format == "json"
                                               ? eventstore::observability::LogFormat::kJson
                                               : eventstore::observability::LogFormat::kText,
                                           command->settings.log_level);
  // Blocked before any thread starts, so that every thread inherits it and sigwait is the only receiver.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const absl::Status run = Run(command->settings, log, stop_signals);
  if (run.ok()) {
    spdlog::info("stopped");
    return 0;
  }
  spdlog::error("{}", std::string(run.message()));
  return 1;
}
