// The directory of closed chunks: which of them hold events of an aggregate, a user, a correlation, some types. It says
// nothing of chunks that are open; those are looked into. See docs/decisions/0015-directory-of-closed-chunks.md.
//
// An answer holds for the chunks that had been closed when it was given: those that are ClosedBy(changes). A chunk that
// the list shows as closed later, or not yet, counts as open, so it does not matter which of the two was read first.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/query.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct Place {
  domain::TimeMicros chunk = 0;  // where its range starts
  std::int64_t events = 0;       // of what was asked for
  std::string key;               // which of several users or types
};

struct Places {
  std::int64_t changes = 0;
  std::vector<Place> places;  // in reading order
  bool more = false;          // there are others behind the last one
};

// `range` is of the starts of chunks. At most `most` places.
absl::StatusOr<Places> FindUser(Session& session, const std::string& user_id, const domain::TimeRange& range,
                                domain::Direction direction, int most);
absl::StatusOr<Places> FindUsers(Session& session, const std::vector<std::string>& user_ids,
                                 const domain::TimeRange& range);
// Types, and beginnings of types. None of either: all.
absl::StatusOr<Places> FindEventTypes(Session& session, const std::vector<std::string>& event_types,
                                      const std::vector<std::string>& prefixes, const domain::TimeRange& range);
absl::StatusOr<Places> FindCorrelations(Session& session, const std::vector<domain::Uuid>& correlation_ids,
                                        const domain::TimeRange& range);

// The head, and where the versions are. The chunk of the first event is not among the places: it holds the versions
// below `second_chunk_from`; unless `beginning_gone`: then it is like any other.
struct AggregatePlaces {
  struct One {
    domain::TimeMicros chunk = 0;
    domain::Version first_version = 0;
    std::int64_t events = 0;
  };
  std::int64_t changes = 0;
  domain::AggregateHead head;  // version 0: there is no such aggregate
  domain::Version second_chunk_from = INT32_MAX;
  // Retention has taken events of the time of its first one: of this aggregate, or of others.
  bool beginning_gone = false;
  std::vector<One> places;
  bool more = false;
};

struct AggregateRange {
  domain::Version from = 1;
  domain::Version to = INT32_MAX;
  domain::TimeRange chunks;
};

absl::StatusOr<AggregatePlaces> FindAggregate(Session& session, const domain::Uuid& aggregate_id,
                                              const AggregateRange& range, domain::Direction direction, int most);

// The chunk that starts then, or null.
const Chunk* ChunkFrom(const ChunkList& chunks, domain::TimeMicros start);
// The chunk that holds that time, or null.
const Chunk* ChunkAt(const ChunkList& chunks, domain::TimeMicros time);

}  // namespace eventstore::storage
