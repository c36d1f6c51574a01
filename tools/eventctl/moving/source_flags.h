// The flags that say what a legacy source is, and how its rows are events: the same for moving and for verifying.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/eventctl/moving/legacy_source.h"
#include "tools/eventctl/moving/mapping.h"

namespace eventstore::eventctl {

struct SourceFlags {
  std::string url;
  std::string table = "events";
  std::string query;
  std::string lines;
  std::string mapping;
  std::string aggregate_type;
  std::string since;

  void AddTo(CLI::App& command);
};

struct OpenedSource {
  std::unique_ptr<LegacySource> source;
  std::unique_ptr<RowMapper> mapper;
  std::string name;  // which source, for the book of runs
};

// `store`: the connection string of the store, which is the source's as well unless --source-url says another.
absl::StatusOr<OpenedSource> OpenSource(const SourceFlags& flags, const std::string& store,
                                        std::optional<domain::TimeMicros> until);

// A flag's value that has passed TimeValidator(); nothing: it was not given.
std::optional<domain::TimeMicros> MicrosOf(const std::string& time);

inline constexpr char kSourceHelp[] =
    "The source is a table (--table), a query, or JSON lines; without --source-url (or EVENTSTORE_SOURCE_URL, which "
    "no\n"
    "process list shows) it is in the store's own database. Without --mapping its columns are id, timestamp, type, "
    "data,\n"
    "user_id and, if there are any, correlation_id and causation_id, with the entity's id in data.entityId, .entity_id "
    "or\n"
    ".aggregateId. See docs/migration.md for mapping files.\n";

}  // namespace eventstore::eventctl
