// The migrations of one engine, in order. Pure: files in, list out.
//
//   migrations/NNNN_name.sql            for every engine
//   migrations/<engine>/NNNN_name.sql   for that engine only
//
// Numbers run from 1 without a gap over both folders together. A file is one script, run in one transaction that the
// migrator begins and ends, so it may not do so itself. A released file never changes again: its checksum is recorded.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/embedded_sql.h"

namespace eventstore::storage {

inline constexpr char kTimescaleEngine[] = "timescaledb";
inline constexpr char kNativeEngine[] = "native";

struct Migration {
  int number = 0;
  std::string name;      // "store_identity" of 0001_store_identity.sql
  std::string checksum;  // SHA-256 of the file's bytes, 64 hexadecimal digits in lower case
  std::string sql;
};

class MigrationSet {
 public:
  // Errors (INTERNAL: the program was built from a bad tree): a name that is not NNNN_name.sql, a number given twice
  // or missing, transaction control in a script. Files in folders of other engines are not looked at.
  static absl::StatusOr<MigrationSet> Merge(const std::string& engine, std::span<const SqlFile> files);

  // Of the files compiled into this program.
  static absl::StatusOr<MigrationSet> Embedded(const std::string& engine);

  const std::string& engine() const { return engine_; }
  // migrations()[i].number == i + 1
  const std::vector<Migration>& migrations() const { return migrations_; }

 private:
  MigrationSet(std::string engine, std::vector<Migration> migrations)
      : engine_(std::move(engine)), migrations_(std::move(migrations)) {}

  std::string engine_;
  std::vector<Migration> migrations_;
};

// SHA-256, 64 hexadecimal digits in lower case.
std::string Sha256Hex(std::string_view bytes);

}  // namespace eventstore::storage
