#include "server/embedded/configuration.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "server/embedded/files.h"

namespace eventstore::embedded {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

std::string Quoted(const std::string& value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += c;
    text += c;
  }
  return text + "'";
}

// An element of a setting that is a comma-separated list.
std::string ListElement(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"') text += c;
    text += c;
  }
  return text + "\"";
}

std::uint64_t LimitIn(const char* path) {
  const auto text = ReadFile(path);
  const std::uint64_t limit = text ? std::strtoull(text->c_str(), nullptr, 10) : 0;  // "max" reads as 0: no limit
  return limit == 0 ? UINT64_MAX : limit;
}

}  // namespace

std::uint64_t UsableMemory() {
  const std::uint64_t machine =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(
      {machine, LimitIn("/sys/fs/cgroup/memory.max"), LimitIn("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
}

std::string ConfigurationText(const PrivatePostgresOptions& options, const std::string& socket_dir,
                              const std::string& log_dir, std::uint64_t memory_bytes) {
  const std::uint64_t memory_mb = memory_bytes / kMiB;
  const std::uint64_t shared_mb = options.shared_buffers_mb > 0 ? static_cast<std::uint64_t>(options.shared_buffers_mb)
                                                                : std::clamp<std::uint64_t>(memory_mb / 4, 64, 8192);
  std::string text =
      "# Written by eventstored on every start: changes made here are lost.\n"
      "# Settings of your own belong in local.conf beside this file; they win.\n";
  const auto set = [&text](const std::string& name, const std::string& value) {
    text += fmt::format("{} = {}\n", name, Quoted(value));
  };
  set("listen_addresses", "");
  set("unix_socket_directories", ListElement(socket_dir));
  set("unix_socket_permissions", "0700");
  set("port", "5432");
  set("cluster_name", "eventstore");
  set("max_connections", std::to_string(options.max_connections));
  set("password_encryption", "scram-sha-256");

  set("shared_preload_libraries", "timescaledb");
  set("timescaledb.telemetry_level", "off");
  set("max_worker_processes", "24");
  set("max_locks_per_transaction", std::to_string(options.max_locks_per_transaction));

  set("shared_buffers", fmt::format("{}MB", shared_mb));
  set("effective_cache_size", fmt::format("{}MB", std::max<std::uint64_t>(memory_mb / 2, 128)));
  set("work_mem", "16MB");
  set("maintenance_work_mem", fmt::format("{}MB", std::clamp<std::uint64_t>(memory_mb / 32, 64, 1024)));

  set("fsync", options.durable ? "on" : "off");
  set("synchronous_commit", "on");
  set("full_page_writes", "on");
  set("wal_level", "replica");
  set("max_wal_size", "4GB");
  set("min_wal_size", "256MB");
  set("checkpoint_timeout", "15min");

  // Short indexed statements gain nothing from compiling, and an unpacked PostgreSQL has no compiler with it.
  set("jit", "off");
  // Made for solid-state disks: with the default of 4 the planner shuns indexes that are right for us.
  set("random_page_cost", "1.1");
  set("timezone", "UTC");
  set("log_timezone", "UTC");

  set("logging_collector", "on");
  set("log_directory", log_dir);
  set("log_filename", "postgresql-%a.log");
  set("log_rotation_age", "1d");
  set("log_rotation_size", "0");
  set("log_truncate_on_rotation", "on");
  set("log_line_prefix", "%m [%p] %a: ");
  set("log_lock_waits", "on");
  for (const auto& [name, value] : options.extra_settings) set(name, value);
  return text;
}

}  // namespace eventstore::embedded
