#include "server/storage/server_facts.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/engines/engine.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

// shared_preload_libraries itself is for superusers to see. A setting that only the preloaded library defines is not;
// pg_settings leaves out settings that merely stand in the configuration file.
constexpr Query kFacts{"server_facts", R"sql(
SELECT current_setting('server_version_num'),
       current_setting('server_version'),
       EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers'),
       coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'), ''),
       coalesce((SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), ''),
       coalesce((SELECT setting FROM pg_settings WHERE name = 'timescaledb.license'), '')
)sql"};

std::vector<int> Numbers(const std::string& version) {
  std::vector<int> numbers{0};
  for (const char c : version) {
    if (c >= '0' && c <= '9') {
      numbers.back() = numbers.back() * 10 + (c - '0');
    } else if (c == '.') {
      numbers.push_back(0);
    } else {
      break;
    }
  }
  return numbers;
}

absl::Status Incompatible(const std::string& message) {
  return domain::ErrorOf(domain::Reason::kStoreIncompatible, message);
}

}  // namespace

bool VersionLess(const std::string& left, const std::string& right) {
  std::vector<int> a = Numbers(left);
  std::vector<int> b = Numbers(right);
  const std::size_t size = std::max(a.size(), b.size());
  a.resize(size);
  b.resize(size);
  return a < b;
}

absl::StatusOr<ServerFacts> ReadServerFacts(Session& session) {
  auto rows = session.Run(kFacts, {});
  if (!rows.ok()) {
    // The database's catalogue names a library that the package no longer has: the usual state after an upgrade of
    // the package. Every statement fails in it.
    if (SqlStateOf(rows.status()) == "58P01") {
      return Incompatible(fmt::format(
          "this database was made with another TimescaleDB than the one installed: run ALTER EXTENSION timescaledb "
          "UPDATE as the first statement of `psql -X` in it, or install that version's package. Nothing was changed "
          "({})",
          domain::FromStatus(rows.status()).message));
    }
    return rows.status();
  }
  const auto row = (*rows)[0];
  ServerFacts facts;
  facts.version_number = row[0].as<int>();
  facts.version = row[1].c_str();
  facts.timescale_preloaded = row[2].as<bool>();
  facts.timescale_available = row[3].c_str();
  facts.timescale_installed = row[4].c_str();
  facts.edition = row[5].c_str();
  return facts;
}

absl::Status CheckServer(const ServerFacts& facts, const std::string& engine) {
  if (facts.version_number < kMinPostgres) {
    return Incompatible(fmt::format("PostgreSQL {} is too old, at least version {} is needed. Nothing was changed",
                                    facts.version, kMinPostgres / 10'000));
  }
  const Engine* known = FindEngine(engine);
  return known == nullptr ? absl::OkStatus() : known->check(facts);
}

}  // namespace eventstore::storage
