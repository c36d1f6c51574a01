#include "server/settings/table.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace eventstore::settings {
namespace {

std::string ValueOf(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::string DefaultDataDir(const Environment& environment, bool root) {
  if (root) return "/var/lib/eventstore";
  if (const auto data = ValueOf(environment, "XDG_DATA_HOME"); !data.empty()) return data + "/eventstore";
  if (const auto home = ValueOf(environment, "HOME"); !home.empty()) return home + "/.local/share/eventstore";
  return "";
}

// Levenshtein: single letters added, dropped or changed.
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

std::string Setting::Flag() const {
  std::string flag = "--" + name;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string Setting::Variable() const {
  std::string variable = "EVENTSTORE_";
  for (const char c : name) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::string Setting::Placeholder() const {
  switch (kind) {
    case Kind::kFolder:
      return "DIR";
    case Kind::kFile:
      return "FILE";
    case Kind::kListen:
      return "HOST:PORT";
    case Kind::kNumber:
      return "N";
    case Kind::kLogLevel:
      return "LEVEL";
    case Kind::kLogFormat:
      return "FORMAT";
    case Kind::kEngine:
      return "ENGINE";
    case Kind::kDatabase:
      return "URL";
    default:
      return "TEXT";
  }
}

std::vector<Setting> SettingsTable(const Environment& environment, bool root) {
  std::vector<Setting> table = {
      {.name = "config",
       .member = &Settings::config_file,
       .default_value = "",
       .doc = "A TOML file of settings, keys as below with underscores, for example: grpc_listen = \"127.0.0.1:50051\"",
       .in_file = false},
      {.name = "data_dir",
       .kind = Kind::kFolder,
       .member = &Settings::data_dir,
       .default_value = DefaultDataDir(environment, root),
       .doc = "Folder of the private PostgreSQL that the server runs when no database URL is given; made when missing"},
      {.name = "database_url",
       .kind = Kind::kDatabase,
       .member = &Settings::database_url,
       .default_value = "",
       .doc = "A PostgreSQL, with TimescaleDB or without, to use instead of a private one: "
              "postgres://user:password@host:5432/name",
       .also_env = "DATABASE_URL",
       .has_flag = false},
      {.name = "grpc_listen",
       .kind = Kind::kListen,
       .member = &Settings::grpc_listen,
       .default_value = "127.0.0.1:50051",
       .doc = "Where gRPC listens; port 0 takes any free one"},
      {.name = "http_listen",
       .kind = Kind::kListen,
       .member = &Settings::http_listen,
       .default_value = "127.0.0.1:8080",
       .doc = "Where HTTP (health, metrics) listens; port 0 takes any free one"},
      {.name = "insecure",
       .kind = Kind::kSwitch,
       .member = &Settings::insecure,
       .default_value = "false",
       .doc = "Allow listening on addresses other machines can reach, without TLS"},
      {.name = "tls_cert",
       .kind = Kind::kFile,
       .member = &Settings::tls_cert,
       .default_value = "",
       .doc = "The server's certificate in PEM, for gRPC and HTTP, its intermediates after it; read again when it "
              "changes"},
      {.name = "tls_key",
       .kind = Kind::kFile,
       .member = &Settings::tls_key,
       .default_value = "",
       .doc = "The key of tls_cert, in PEM without a passphrase"},
      {.name = "tls_client_ca",
       .kind = Kind::kFile,
       .member = &Settings::tls_client_ca,
       .default_value = "",
       .doc = "Clients of gRPC need a certificate of one of these authorities (PEM); empty: they need none"},
      {.name = "http_tls_client_ca",
       .kind = Kind::kFile,
       .member = &Settings::http_tls_client_ca,
       .default_value = "",
       .doc = "The same for HTTP, where probes and Prometheus come from"},
      {.name = "auth_keys",
       .kind = Kind::kFile,
       .member = &Settings::auth_keys,
       .default_value = "",
       .doc =
           "A TOML file of those who may call, with the hashes of their keys (eventctl auth new-key makes both); read "
           "again when it changes. With it every call but health and reflection needs a key that is in it"},
      {.name = "jwt_jwks",
       .kind = Kind::kFile,
       .member = &Settings::jwt_jwks,
       .default_value = "",
       .doc =
           "A JWKS file with the public keys of those who issue tokens; read again when it changes. With it calls may "
           "bring a JWT, and every call but health and reflection needs that or a key"},
      {.name = "jwt_issuer",
       .member = &Settings::jwt_issuer,
       .default_value = "",
       .doc = "Whose tokens are taken: their iss has to be this"},
      {.name = "jwt_audience",
       .member = &Settings::jwt_audience,
       .default_value = "",
       .doc = "For whom tokens have to be: their aud has to be this, or hold it"},
      {.name = "jwt_claim",
       .member = &Settings::jwt_claim,
       .default_value = "eventstore",
       .doc = "The claim of a token that says what its bearer may do"},
      {.name = "jwt_clock_skew_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::jwt_clock_skew_seconds,
       .default_value = "30",
       .doc = "How far the clock of the issuer may be from this server's",
       .min = 0,
       .max = 300},
      {.name = "erasure_master_key_file",
       .kind = Kind::kFile,
       .member = &Settings::erasure_master_key_file,
       .default_value = "",
       .doc =
           "The key that wraps the keys of subjects, 64 hexadecimal digits (openssl rand -hex 32); the same for every "
           "server of a database. Keep it apart from backups: without it no encrypted field can be read again"},
      {.name = "erasure_rules",
       .kind = Kind::kFile,
       .member = &Settings::erasure_rules,
       .default_value = "",
       .doc =
           "A TOML file that names the fields of events that are encrypted with a key of their subject, so that they "
           "can be erased; the same for every server of a database. Needs erasure_master_key_file"},
      {.name = "reflection",
       .kind = Kind::kSwitch,
       .member = &Settings::reflection,
       .default_value = "true",
       .doc = "Describe the services to whoever asks, without a key; --reflection=false does not"},
      {.name = "engine",
       .kind = Kind::kEngine,
       .member = &Settings::engine,
       .default_value = "",
       .doc = "How events are partitioned: timescaledb, or native on PostgreSQL without extensions. Recorded in the "
              "database by its first migration and never changed; empty: what it has, else timescaledb where the "
              "extension is installed, else native"},
      {.name = "lanes",
       .kind = Kind::kNumber,
       .member = &Settings::lanes,
       .default_value = "2",
       .doc = "Append lanes, each with one connection. Recorded in the database by its first migration; later values "
              "are not used",
       .min = 1,
       .max = 64},
      {.name = "read_connections",
       .kind = Kind::kNumber,
       .member = &Settings::read_connections,
       .default_value = "4",
       .doc = "Database connections that serve reads",
       .min = 1,
       .max = 256},
      {.name = "operations_connections",
       .kind = Kind::kNumber,
       .member = &Settings::operations_connections,
       .default_value = "4",
       .doc = "Database connections that serve operational records, reads and writes",
       .min = 1,
       .max = 256},
      {.name = "max_queue",
       .kind = Kind::kNumber,
       .member = &Settings::max_queue,
       .default_value = "4096",
       .doc = "Requests that may wait in one lane; further ones are refused with RESOURCE_EXHAUSTED",
       .min = 1,
       .max = 1'000'000},
      {.name = "default_deadline_ms",
       .kind = Kind::kNumber,
       .member = &Settings::default_deadline_ms,
       .default_value = "30000",
       .doc = "Milliseconds a call may take whose client set no deadline",
       .min = 1,
       .max = 3'600'000},
      {.name = "close_chunks_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::close_chunks_seconds,
       .default_value = "300",
       .doc = "How often to record what chunks hold that are over, so that reads skip them; 0: never, another instance "
              "does it",
       .min = 0,
       .max = 86'400},
      {.name = "drain_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::drain_seconds,
       .default_value = "10",
       .doc = "Seconds that calls in progress get to finish when the server stops",
       .min = 0,
       .max = 3600},
      {.name = "housekeeper",
       .kind = Kind::kSwitch,
       .member = &Settings::housekeeper,
       .default_value = "true",
       .doc =
           "Run the upkeep of the store on this instance (partitions, counts, checks); --housekeeper=false leaves it "
           "to others"},
      {.name = "housekeeper_lock_timeout_ms",
       .kind = Kind::kNumber,
       .member = &Settings::housekeeper_lock_timeout_ms,
       .default_value = "5000",
       .doc = "Milliseconds that a task waits for a lock before it fails and is tried again later",
       .min = 1,
       .max = 3'600'000},
      {.name = "housekeeper_retry_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::housekeeper_retry_seconds,
       .default_value = "60",
       .doc = "Pause before a task that failed is tried again; doubled each time, up to an hour, six attempts in all",
       .min = 1,
       .max = 3600},
      {.name = "compress_after_days",
       .kind = Kind::kNumber,
       .member = &Settings::compress_after_days,
       .default_value = "0",
       .doc =
           "Days after which the housekeeper compresses a closed partition, where TimescaleDB's edition can; 0: never",
       .min = 0,
       .max = 36'500},
      {.name = "keep_runs_days",
       .kind = Kind::kNumber,
       .member = &Settings::keep_runs_days,
       .default_value = "90",
       .doc = "Days that the record of the housekeeper's runs goes back",
       .min = 1,
       .max = 36'500},
      {.name = "keep_audit_days",
       .kind = Kind::kNumber,
       .member = &Settings::keep_audit_days,
       .default_value = "400",
       .doc = "Days that the record of what operators and admins did goes back; 0: for ever",
       .min = 0,
       .max = 36'500},
      {.name = "audit_metadata",
       .kind = Kind::kSwitch,
       .member = &Settings::audit_metadata,
       .default_value = "false",
       .doc = "Keep with each event who appended it, as _recorded_by in its metadata; clients must not send that then. "
              "Needs auth_keys or jwt_jwks"},
      {.name = "worker_timeout_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::worker_timeout_seconds,
       .default_value = "60",
       .doc = "Seconds without a heartbeat after which the housekeeper makes a worker inactive; 0: never",
       .min = 0,
       .max = 31'536'000},
      {.name = "no_migrate",
       .kind = Kind::kSwitch,
       .member = &Settings::no_migrate,
       .default_value = "false",
       .doc = "Do not bring the database's schema up to date at start; refuse to serve an older one"},
      {.name = "retention_days",
       .kind = Kind::kNumber,
       .member = &Settings::retention_days,
       .default_value = "0",
       .doc = "Days that events are kept before retention archives and drops them; 0 keeps them all",
       .min = 0,
       .max = 36'500,
       .also_env = "EVENTS_RETENTION_DAYS"},
      {.name = "retention_by_type",
       .kind = Kind::kDaysByType,
       .member = &Settings::retention_by_type,
       .default_value = "",
       .doc =
           "Days by aggregate type, for types that are not kept as long as the others: session=30,audit=3650; 0 keeps "
           "them all"},
      {.name = "archive",
       .kind = Kind::kArchive,
       .member = &Settings::archive,
       .default_value = "files",
       .doc = "files: retention writes what it drops to archive files first; none: it drops without"},
      {.name = "archive_dir",
       .member = &Settings::archive_dir,
       .default_value = "",
       .doc = "Folder of the archive files; without one: archive in the data folder. With a database URL it has to be "
              "given, or retention refuses to work"},
      {.name = "log_level",
       .kind = Kind::kLogLevel,
       .member = &Settings::log_level,
       .default_value = "info",
       .doc = "trace, debug, info, warn, error or off"},
      {.name = "log_format",
       .kind = Kind::kLogFormat,
       .member = &Settings::log_format,
       .default_value = "text",
       .doc = "text for people, or json: one object a line"},
      {.name = "slow_request_ms",
       .kind = Kind::kNumber,
       .member = &Settings::slow_request_ms,
       .default_value = "1000",
       .doc = "A call that takes so many milliseconds is logged, as a failed one is; 0: none for being slow",
       .min = 0,
       .max = 3'600'000},
      {.name = "sample_groups_seconds",
       .kind = Kind::kNumber,
       .member = &Settings::sample_groups_seconds,
       .default_value = "15",
       .doc = "How often to look how far consumer groups are behind, for the metrics; 0: never",
       .min = 0,
       .max = 86'400},
  };
  std::ranges::move(LimitSettings(), std::back_inserter(table));
  return table;
}

std::string Nearest(const std::string& wrong, const std::vector<std::string>& names) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const auto& name : names) {
    if (const auto distance = Distance(wrong, name); distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace eventstore::settings
