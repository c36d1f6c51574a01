// What stands between events as clients know them and as they are stored: fields are encrypted before an append is decided,
// and opened when an event is about to leave the server (server/erasure). Everything between holds them encrypted.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/append.h"
#include "server/domain/event.h"

namespace eventstore::storage {

class EventVault {
 public:
  virtual ~EventVault() = default;

  // For each batch: its fields are encrypted, or why it cannot be written. May ask the database, so not on gRPC's threads.
  virtual std::vector<absl::Status> Seal(std::span<domain::AppendBatch* const> batches) = 0;

  struct Contents {
    const domain::Uuid* id;
    std::string* data;
    std::string* metadata;
  };
  // Error: the keys could not be read, and nothing was opened. Asks the database when it meets a key that it has not seen
  // lately, and blocks for as long as that takes.
  virtual absl::Status Open(std::span<const Contents> events) = 0;

  absl::Status Open(std::span<domain::RecordedEvent> events) {
    std::vector<Contents> contents;
    contents.reserve(events.size());
    for (auto& event : events) contents.push_back({&event.id, &event.data, &event.metadata});
    return Open(std::span<const Contents>(contents));
  }
};

}  // namespace eventstore::storage
