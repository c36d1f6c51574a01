// The files of migrations/, compiled into the program by cmake/EmbedSql.cmake: a server needs no files beside it.
#pragma once

#include <span>
#include <string_view>

namespace eventstore::storage {

struct SqlFile {
  std::string_view path;  // below migrations/, for example "timescaledb/0003_events_v2.sql"
  std::string_view text;  // the file's bytes as they are
};

// Sorted by path.
std::span<const SqlFile> EmbeddedMigrations();

}  // namespace eventstore::storage
