#include "server/storage/migration_set.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_script.h"

namespace eventstore::storage {
namespace {

struct FileName {
  std::string folder;  // "" for the common files
  int number = 0;
  std::string name;
};

bool IsNamePart(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

std::optional<FileName> ParsePath(std::string_view path) {
  FileName result;
  const std::size_t slash = path.find('/');
  if (slash != std::string_view::npos) {
    result.folder = path.substr(0, slash);
    path.remove_prefix(slash + 1);
  }
  if (path.size() < 10 || path[4] != '_' || !path.ends_with(".sql")) return std::nullopt;
  for (const char digit : path.substr(0, 4)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    result.number = result.number * 10 + (digit - '0');
  }
  result.name = path.substr(5, path.size() - 9);
  if (result.number == 0 || !std::ranges::all_of(result.name, IsNamePart)) return std::nullopt;
  return result;
}

absl::Status BadTree(const std::string& what) {
  return domain::ErrorOf(domain::Reason::kInternal,
                         fmt::format("migrations/ of this build is broken: {}; build from a clean checkout", what));
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

absl::StatusOr<MigrationSet> MigrationSet::Merge(const std::string& engine, std::span<const SqlFile> files) {
  std::map<int, Migration> by_number;
  for (const SqlFile& file : files) {
    const auto parsed = ParsePath(file.path);
    if (!parsed) return BadTree(fmt::format("{} is not called NNNN_name.sql", file.path));
    if (!parsed->folder.empty() && parsed->folder != engine) continue;
    if (const std::string control = FindTransactionControl(file.text); !control.empty()) {
      return BadTree(fmt::format("{} contains {}; the migrator begins and ends the transaction", file.path, control));
    }
    const Migration migration{parsed->number, parsed->name, Sha256Hex(file.text), std::string(file.text)};
    if (!by_number.emplace(migration.number, migration).second) {
      return BadTree(fmt::format("two files for engine {} have the number {:04}", engine, migration.number));
    }
  }
  std::vector<Migration> migrations;
  for (auto& [number, migration] : by_number) {
    const int next = static_cast<int>(migrations.size()) + 1;
    if (number != next) return BadTree(fmt::format("engine {} has no migration {:04}", engine, next));
    migrations.push_back(std::move(migration));
  }
  if (migrations.empty()) return BadTree(fmt::format("engine {} has no migrations", engine));
  return MigrationSet(engine, std::move(migrations));
}

absl::StatusOr<MigrationSet> MigrationSet::Embedded(const std::string& engine) {
  return Merge(engine, EmbeddedMigrations());
}

}  // namespace eventstore::storage
