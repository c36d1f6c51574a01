// What the appends of one worker came to: versions that are expected next, the ledger, positions for reads.
#pragma once

#include <cstdint>
#include <string>

#include "eventstore/v1/event_store.pb.h"
#include "tools/eventbench/load/aggregates.h"
#include "tools/eventbench/load/delivery_clock.h"
#include "tools/eventbench/load/event_maker.h"
#include "tools/eventbench/load/failure.h"
#include "tools/eventbench/measure/recorder.h"
#include "tools/eventbench/verify/ledger.h"

namespace eventstore::eventbench {

class AppendBook {
 public:
  // Both outlive the book.
  AppendBook(Aggregates& aggregates, EventMaker& maker) : aggregates_(aggregates), maker_(maker) {}

  // Fills the request for one append of `events` events, to whichever aggregate comes next. `ahead`: events on the same
  // aggregate that the same request writes before.
  void Begin(const Options& options, int events, SentAppend& sent, v1::AppendRequest& request);
  // The next append of the same request may be on the same aggregate: expect what `before` will leave.
  void Chain(const std::vector<SentAppend>& before, std::size_t count, SentAppend& sent, v1::AppendRequest& request);

  // An answer that is not what was asked for is an error of its own: WRONG_ANSWER.
  Outcome Acknowledged(const SentAppend& sent, const v1::AppendResponse& response);
  void Failed(const SentAppend& sent, const Failure& failure);

  // Told of every acknowledged event. Null: nobody.
  void set_delivery_clock(DeliveryClock* clock) { delivery_clock_ = clock; }
  Ledger& ledger() { return ledger_; }
  // From the first to the last, warming up included.
  std::int64_t acknowledged_events() const { return acknowledged_events_; }
  std::int64_t first_position() const { return first_position_; }
  std::int64_t last_position() const { return last_position_; }
  // Of what the store held before.
  void SetPositions(std::int64_t first, std::int64_t last);

 private:
  Aggregates& aggregates_;
  EventMaker& maker_;
  Ledger ledger_;
  DeliveryClock* delivery_clock_ = nullptr;
  std::int64_t acknowledged_events_ = 0;
  std::int64_t first_position_ = 0;
  std::int64_t last_position_ = 0;
};

}  // namespace eventstore::eventbench
