#include "tools/eventbench/verify/compare.h"

#include <fmt/format.h>

#include <unordered_map>

namespace eventstore::eventbench {
namespace {

constexpr std::size_t kMostExamples = 10;

void Note(Comparison& comparison, std::string example) {
  if (comparison.examples.size() < kMostExamples) comparison.examples.push_back(std::move(example));
}

// `event` was read right after `before`.
void CompareOrder(const Stored& before, const Stored& event, Comparison& result) {
  if (event.version <= before.version) {
    ++result.doubled;
    Note(result,
         fmt::format("event {} has version {}, after version {}", TextOf(event.event), event.version, before.version));
  } else if (event.version != before.version + 1 || event.position <= before.position) {
    ++result.disordered;
    Note(result, fmt::format("event {}: version {} at position {} follows version {} at {}", TextOf(event.event),
                             event.version, event.position, before.version, before.position));
  }
}

}  // namespace

void Comparison::Add(const Comparison& other) {
  confirmed += other.confirmed;
  lost += other.lost;
  doubled += other.doubled;
  moved += other.moved;
  disordered += other.disordered;
  refused_stored += other.refused_stored;
  unknown_stored += other.unknown_stored;
  foreign += other.foreign;
  for (const auto& example : other.examples) Note(*this, example);
}

Comparison Compare(std::span<const Acknowledged> acknowledged, std::span<const Stored> stored, const Ledger& ledger) {
  Comparison result;
  std::unordered_map<Id, const Acknowledged*> expected;
  for (const auto& event : acknowledged) {
    if (!expected.emplace(event.event, &event).second) {
      ++result.doubled;
      Note(result, fmt::format("event {} was acknowledged twice", TextOf(event.event)));
    }
  }
  std::unordered_set<Id> seen;
  const Stored* before = nullptr;
  for (const auto& event : stored) {
    if (before != nullptr) CompareOrder(*before, event, result);
    before = &event;
    if (!seen.insert(event.event).second) {
      ++result.doubled;
      Note(result, fmt::format("event {} is stored twice", TextOf(event.event)));
      continue;
    }
    const auto found = expected.find(event.event);
    if (found == expected.end()) {
      if (ledger.refused.contains(event.event)) {
        ++result.refused_stored;
        Note(result, fmt::format("event {} is stored, although its append was refused", TextOf(event.event)));
      } else if (ledger.unknown.contains(event.event)) {
        ++result.unknown_stored;
      } else {
        ++result.foreign;
      }
      continue;
    }
    if (found->second->version != event.version || found->second->position != event.position) {
      ++result.moved;
      Note(result, fmt::format("event {} is version {} at position {}, acknowledged as {} at {}", TextOf(event.event),
                               event.version, event.position, found->second->version, found->second->position));
    } else {
      ++result.confirmed;
    }
  }
  for (const auto& [id, event] : expected) {
    if (seen.contains(id)) continue;
    ++result.lost;
    Note(result, fmt::format("event {} of aggregate {}, acknowledged as version {}, is not there", TextOf(id),
                             TextOf(event->aggregate), event->version));
  }
  return result;
}

}  // namespace eventstore::eventbench
