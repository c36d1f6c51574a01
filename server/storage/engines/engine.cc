#include "server/storage/engines/engine.h"

#include <array>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/domain/error.h"
#include "server/storage/engines/rows.h"
#include "server/storage/migration_set.h"

namespace eventstore::storage {
namespace {

constexpr std::array kEngines{&kTimescaledbEngineRow, &kNativeEngineRow};

constexpr Query kHasIdentity{"engine_has_identity", "SELECT to_regclass('store_identity') IS NOT NULL"};
constexpr Query kEngine{"engine_of_store", "SELECT engine FROM store_identity"};

absl::Status Incompatible(const std::string& message) {
  return domain::ErrorOf(domain::Reason::kStoreIncompatible, message);
}

// "": the database holds no store yet.
absl::StatusOr<std::string> RecordedEngine(Session& session) {
  auto has = session.Run(kHasIdentity, {});
  if (!has.ok()) return has.status();
  if (!(*has)[0][0].as<bool>()) return "";
  auto rows = session.Run(kEngine, {});
  if (!rows.ok()) return rows.status();
  return rows->empty() ? std::string() : std::string((*rows)[0][0].c_str());
}

}  // namespace

std::span<const Engine* const> Engines() { return kEngines; }

const Engine* FindEngine(const std::string& name) {
  for (const Engine* engine : kEngines) {
    if (name == engine->name) return engine;
  }
  return nullptr;
}

absl::StatusOr<const Engine*> EngineOf(Session& session) {
  auto rows = session.Run(kEngine, {});
  if (!rows.ok()) return rows.status();
  const std::string name = rows->empty() ? "" : (*rows)[0][0].c_str();
  if (const Engine* engine = FindEngine(name); engine != nullptr) return engine;
  std::vector<std::string_view> known;
  for (const Engine* engine : kEngines) known.emplace_back(engine->name);
  return Incompatible(
      fmt::format("this store was made with engine \"{}\", which this program does not know ({}): use "
                  "the version that made it, or a later one",
                  name, fmt::join(known, ", ")));
}

std::string OtherEngine(const std::string& has, const std::string& wanted) {
  return fmt::format(
      "this store was made with engine {0} and cannot be served with engine {1}: choose {0} in the settings, or leave "
      "the "
      "choice to the store. Nothing was changed",
      has, wanted);
}

absl::StatusOr<std::string> ChooseEngine(const std::string& conninfo, const std::string& wanted) {
  Session session(conninfo, "engine");
  auto facts = ReadServerFacts(session);
  if (!facts.ok()) return facts.status();
  auto recorded = RecordedEngine(session);
  if (!recorded.ok()) return recorded.status();
  if (!recorded->empty()) {
    if (wanted.empty() || wanted == *recorded) return recorded;
    return Incompatible(OtherEngine(*recorded, wanted));
  }
  if (!wanted.empty()) return wanted;
  // Installed and not loaded is somebody's oversight rather than a wish: it is said by timescaledb's check.
  const bool there = !facts->timescale_installed.empty() || !facts->timescale_available.empty();
  return std::string(there ? kTimescaleEngine : kNativeEngine);
}

}  // namespace eventstore::storage
