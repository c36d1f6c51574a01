// Opens what events hold in messages that are about to be sent.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "eventstore/v1/event.pb.h"
#include "server/domain/uuid.h"
#include "server/storage/event_vault.h"

namespace eventstore::service {

inline absl::Status OpenMessages(storage::EventVault& vault, const std::vector<v1::RecordedEvent*>& messages) {
  std::vector<domain::Uuid> ids;
  std::vector<storage::EventVault::Contents> contents;
  ids.reserve(messages.size());
  contents.reserve(messages.size());
  for (v1::RecordedEvent* message : messages) {
    ids.push_back(domain::Uuid::Parse(message->id()).value_or(domain::Uuid{}));
    contents.push_back({&ids.back(), message->mutable_data(), message->mutable_metadata()});
  }
  return vault.Open(std::span<const storage::EventVault::Contents>(contents));
}

}  // namespace eventstore::service
