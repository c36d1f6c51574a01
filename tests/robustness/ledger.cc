#include "tests/robustness/ledger.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "fmt/format.h"

namespace eventstore::testing {
namespace {

absl::Status Broken(const std::string& text) { return absl::DataLossError(text); }

}  // namespace

void Ledger::Acknowledged(const v1::AppendResponse& response) {
  const Time now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  auto& aggregate = promised_[response.aggregate_id()];
  for (const auto& event : response.events()) {
    const auto [place, fresh] = aggregate.try_emplace(event.id(), Promise{event.version(), event.global_position()});
    if (fresh) times_.try_emplace(event.id(), now);
    last_position_ = std::max(last_position_, event.global_position());
    if (!fresh && (place->second.version != event.version() || place->second.position != event.global_position())) {
      contradiction_ = Broken(fmt::format("event {} was acknowledged at version {} and at {}", event.id(),
                                          place->second.version, event.version()));
    }
  }
}

std::size_t Ledger::acknowledged() const {
  const std::scoped_lock lock(mutex_);
  return times_.size();
}

std::int64_t Ledger::last_position() const {
  const std::scoped_lock lock(mutex_);
  return last_position_;
}

std::optional<Ledger::Time> Ledger::AcknowledgedAt(const std::string& event_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = times_.find(event_id);
  if (found == times_.end()) return std::nullopt;
  return found->second;
}

absl::Status Ledger::CheckPromises() const {
  const std::scoped_lock lock(mutex_);
  return contradiction_;
}

absl::Status Ledger::CheckAmong(const std::vector<Stored>& events) const {
  std::map<std::string, std::int64_t> positions;
  for (const Stored& event : events) positions[event.id] = event.position;
  const std::scoped_lock lock(mutex_);
  for (const auto& [aggregate, promises] : promised_) {
    for (const auto& [id, promise] : promises) {
      const auto found = positions.find(id);
      if (found == positions.end()) {
        return Broken(fmt::format("{}: {} (version {}) is not there", aggregate, id, promise.version));
      }
      if (found->second != promise.position) {
        return Broken(fmt::format("{} is at {}, promised was {}", id, found->second, promise.position));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckAggregate(const client::EventStoreClient& store, const std::string& aggregate,
                                    const std::map<std::string, Promise>& promises) const {
  std::set<std::string> seen;
  int version = 0;
  std::int64_t position = 0;
  std::tuple<std::int64_t, std::int32_t> time{0, 0};
  for (auto& event : store.ReadAggregate(aggregate)) {
    if (!event.ok()) return event.status();
    if (event->version() != ++version) {
      return Broken(fmt::format("{}: version {} where {} should be", aggregate, event->version(), version));
    }
    if (event->global_position() <= position) return Broken(fmt::format("{}: position of {}", aggregate, version));
    const std::tuple now{event->timestamp().seconds(), event->timestamp().nanos()};
    if (now < time) return Broken(fmt::format("{}: time of version {}", aggregate, version));
    position = event->global_position();
    time = now;
    if (!seen.insert(event->id()).second) return Broken(fmt::format("{}: {} twice", aggregate, event->id()));
    const auto promised = promises.find(event->id());
    if (promised == promises.end()) continue;  // written, but its answer was lost for good
    if (promised->second.version != version || promised->second.position != position) {
      return Broken(fmt::format("{}: {} is at version {}, promised was {}", aggregate, event->id(), version,
                                promised->second.version));
    }
  }
  for (const auto& [id, place] : promises) {
    if (!seen.contains(id)) return Broken(fmt::format("{}: {} (version {}) is lost", aggregate, id, place.version));
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckAgainst(const client::EventStoreClient& store) const {
  const std::scoped_lock lock(mutex_);
  if (!contradiction_.ok()) return contradiction_;
  for (const auto& [aggregate, promises] : promised_) {
    if (absl::Status checked = CheckAggregate(store, aggregate, promises); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

}  // namespace eventstore::testing
