#include "server/storage/statement_cache.h"

#include <functional>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

// How many that came once are remembered for each that is kept prepared: they cost 50 bytes.
constexpr std::size_t kSeenForEach = 8;

// A statement makes room when, for each that is kept, so many uses have passed without one of its own. Ten years of days
// are 3,650 statements, walked through in turn; a session keeps 768.
constexpr std::uint64_t kPatience = 8;

}  // namespace

StatementCache::Step StatementCache::Use(const std::string& sql) {
  ++uses_;
  if (const auto found = prepared_by_sql_.find(sql); found != prepared_by_sql_.end()) {
    found->second->used = uses_;
    prepared_.splice(prepared_.begin(), prepared_, found->second);
    return {found->second->name, false, {}};
  }
  const std::size_t hash = std::hash<std::string>()(sql);
  const auto seen = seen_by_hash_.find(hash);
  if (seen == seen_by_hash_.end()) {
    seen_.push_front(hash);
    seen_by_hash_[hash] = seen_.begin();
    if (seen_.size() > most_ * kSeenForEach) {
      seen_by_hash_.erase(seen_.back());
      seen_.pop_back();
    }
    return {};
  }
  const bool full = prepared_.size() >= most_;
  if (full && uses_ - prepared_.back().used < kPatience * most_) {
    seen_.splice(seen_.begin(), seen_, seen->second);
    return {};
  }
  seen_.erase(seen->second);
  seen_by_hash_.erase(seen);
  Step step{fmt::format("kept_{}", ++names_), true, {}};
  prepared_.push_front({sql, step.name, uses_});
  prepared_by_sql_[sql] = prepared_.begin();
  if (full) {
    step.give_up = prepared_.back().name;
    prepared_by_sql_.erase(prepared_.back().sql);
    prepared_.pop_back();
  }
  return step;
}

void StatementCache::Remove(const std::string& sql) {
  const auto found = prepared_by_sql_.find(sql);
  if (found == prepared_by_sql_.end()) return;
  prepared_.erase(found->second);
  prepared_by_sql_.erase(found);
}

void StatementCache::Clear() {
  seen_.clear();
  seen_by_hash_.clear();
  prepared_.clear();
  prepared_by_sql_.clear();
}

}  // namespace eventstore::storage
