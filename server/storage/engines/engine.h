// How events_v2 is cut by time, and all that differs with it. A new engine is a folder of migrations, a file or two
// beside this one, and its row in engine.cc.
//
// An engine is chosen when a database gets its first migration, stands in store_identity, and never changes.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/engines/chunk_source.h"
#include "server/storage/engines/recent_sql.h"
#include "server/storage/partitions.h"
#include "server/storage/server_facts.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct Engine {
  const char* name;
  // STORE_INCOMPATIBLE, with what to do, unless this server can hold such a store.
  absl::Status (*check)(const ServerFacts& facts);
  // SQL for the transaction of the first migration, before it; or "".
  const char* prepare_database;
  // Whether ServerFacts::edition means anything.
  bool has_editions;
  // For reads.
  std::unique_ptr<ChunkSource> (*chunk_source)();
  // For upkeep. `edition` as in store_identity.
  std::unique_ptr<Partitions> (*partitions)(const std::string& edition);
  // The same of another table that is cut by time (migrations/0031_time_tables.sql), by its name in the schema public.
  std::unique_ptr<Partitions> (*partitions_of)(const std::string& edition, const std::string& table);
  // For appends.
  RecentSql recent;
};

// Every one there is. They live as long as the program.
std::span<const Engine* const> Engines();

// Null: there is none of that name.
const Engine* FindEngine(const std::string& name);

// Of the store that `session` is connected to. STORE_INCOMPATIBLE when this program does not know it.
absl::StatusOr<const Engine*> EngineOf(Session& session);

// A message for whoever asked for another one than the store has.
std::string OtherEngine(const std::string& has, const std::string& wanted);

// The engine for a database: the one it has; else `wanted`; else, when that is "", timescaledb where the extension is
// installed on the server and native where it is not. STORE_INCOMPATIBLE when it has another one than is wanted.
absl::StatusOr<std::string> ChooseEngine(const std::string& conninfo, const std::string& wanted);

}  // namespace eventstore::storage
