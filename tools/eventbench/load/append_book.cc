#include "tools/eventbench/load/append_book.h"

#include <algorithm>
#include <optional>

namespace eventstore::eventbench {

void AppendBook::Begin(const Options& options, int events, SentAppend& sent, v1::AppendRequest& request) {
  sent.aggregate = aggregates_.NextToAppend(maker_.random());
  sent.expected = options.exact ? std::optional(aggregates_.VersionOf(sent.aggregate)) : std::nullopt;
  maker_.Fill(aggregates_.IdOf(sent.aggregate), events, sent, request);
}

void AppendBook::Chain(const std::vector<SentAppend>& before, std::size_t count, SentAppend& sent,
                       v1::AppendRequest& request) {
  // Looking through the whole batch is for the few that were busy already.
  if (!sent.expected || !aggregates_.IsBusy(sent.aggregate)) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (before[i].aggregate == sent.aggregate) *sent.expected += static_cast<std::int32_t>(before[i].ids.size());
  }
  request.set_expected_version(*sent.expected);
}

Outcome AppendBook::Acknowledged(const SentAppend& sent, const v1::AppendResponse& response) {
  aggregates_.Finished(sent.aggregate, response.version());
  const auto count = static_cast<std::int32_t>(sent.ids.size());
  const bool as_asked = response.events_size() == count &&
                        (!sent.expected || response.version() == *sent.expected + count) &&
                        (count == 0 || response.events(count - 1).version() == response.version());
  if (!as_asked) return {.error = "WRONG_ANSWER"};
  acknowledged_events_ += count;
  if (count > 0) last_position_ = std::max(last_position_, response.events(count - 1).global_position());
  if (delivery_clock_ != nullptr) {
    const Instant now = Clock::now();
    for (const auto& event : response.events()) delivery_clock_->Acknowledged(event.global_position(), now);
  }
  if (ledger_.enabled) {
    const Id aggregate = aggregates_.IdOf(sent.aggregate);
    for (int i = 0; i < count; ++i) {
      const auto& event = response.events(i);
      ledger_.events.push_back({.aggregate = aggregate,
                                .event = sent.ids[static_cast<std::size_t>(i)],
                                .version = event.version(),
                                .position = event.global_position()});
    }
  }
  return {.events = count};
}

void AppendBook::Failed(const SentAppend& sent, const Failure& failure) {
  const Id aggregate = aggregates_.IdOf(sent.aggregate);
  std::optional<std::int32_t> actual;
  for (const auto& [id, version] : failure.actual_versions) {
    if (id == aggregate) actual = version;
  }
  aggregates_.Finished(sent.aggregate, actual);
  if (!ledger_.enabled) return;
  for (const Id& id : sent.ids) {
    if (failure.nothing_written) {
      ledger_.refused.insert(id);
    } else {
      ledger_.unknown.emplace(id, aggregate);
    }
  }
}

void AppendBook::SetPositions(std::int64_t first, std::int64_t last) {
  first_position_ = first;
  last_position_ = last;
}

}  // namespace eventstore::eventbench
