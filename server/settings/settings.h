// What the operator decides. Each setting comes from its flag, else its environment variable, else the config file, else its
// default. table.h describes them once; the help, the environment, the file and --print-config all follow from that.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::settings {

struct Settings {
  std::string config_file;
  std::string data_dir;      // of the private PostgreSQL; unused with a database_url
  std::string database_url;  // may hold a password: never log it, see MaskSecrets; empty: private PostgreSQL
  std::string grpc_listen;   // HOST:PORT; port 0: any free one
  std::string http_listen;
  bool insecure = false;
  std::string tls_cert;  // empty: no TLS
  std::string tls_key;
  std::string tls_client_ca;       // of gRPC clients; empty: they need no certificate
  std::string http_tls_client_ca;  // of HTTP clients
  std::string auth_keys;           // a file; empty: no keys
  std::string jwt_jwks;            // a file; empty: no tokens
  std::string jwt_issuer;
  std::string jwt_audience;
  std::string jwt_claim;
  int jwt_clock_skew_seconds = 0;
  std::string erasure_master_key_file;  // empty: nothing is encrypted, and nothing can be erased
  std::string erasure_rules;            // a file; empty: nothing is encrypted
  bool reflection = false;
  std::string engine;  // empty: what the database has, or what fits
  int lanes = 0;       // for a new database only: an existing one keeps what its first migration recorded
  int read_connections = 0;
  int operations_connections = 0;
  int max_queue = 0;  // requests waiting in one lane
  int default_deadline_ms = 0;
  int close_chunks_seconds = 0;
  int drain_seconds = 0;
  bool housekeeper = false;
  int housekeeper_lock_timeout_ms = 0;
  int housekeeper_retry_seconds = 0;
  int compress_after_days = 0;  // 0: never
  int keep_runs_days = 0;
  int keep_audit_days = 0;  // 0: for ever
  bool audit_metadata = false;
  int worker_timeout_seconds = 0;  // 0: never
  bool no_migrate = false;
  int retention_days = 0;         // 0: keep everything
  std::string retention_by_type;  // as domain::ParseRetentionByType reads it
  std::string archive;            // files or none
  std::string archive_dir;        // empty: see ArchiveDir()
  std::string log_level;          // trace, debug, info, warn, error or off
  std::string log_format;         // text or json
  int slow_request_ms = 0;
  int sample_groups_seconds = 0;
  // Limits; 0 is none where it is allowed.
  int max_requests_per_second = 0;
  int max_appends_per_second = 0;
  int max_calls_in_flight = 0;
  int max_streams_per_identity = 0;
  int max_message_bytes = 0;
  int max_events_per_append = 0;
  int max_request_bytes = 0;
  int max_data_bytes = 0;
  int max_metadata_bytes = 0;
  int max_json_depth = 0;
  int max_query_days = 0;
  int max_page_bytes = 0;
  int handshake_timeout_seconds = 0;
  int keepalive_seconds = 0;
  int max_connection_idle_seconds = 0;
  int max_connection_age_seconds = 0;
  int max_streams_per_connection = 0;
  int max_grpc_memory_mib = 0;
};

// Where retention archives to: archive_dir, else below the data folder of the private PostgreSQL; empty: nowhere, since
// the database is another's.
std::string ArchiveDir(const Settings& settings);

// What the command line asks for.
struct Command {
  Settings settings;
  std::string text;  // not empty (help, version, effective settings): print it and exit with 0 instead of serving
};

using Environment = std::map<std::string, std::string>;

Environment ProcessEnvironment();

// `args` without the program's name. Errors are INVALID_ARGUMENT (exit with 2) and name the setting, where its value came
// from, and what would be right.
absl::StatusOr<Command> ParseCommandLine(const std::vector<std::string>& args, const Environment& environment);

// A database URL or connection string with its passwords as ***, for logs.
std::string MaskSecrets(const std::string& conninfo);

}  // namespace eventstore::settings
