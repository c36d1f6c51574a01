// Appended events as parallel arrays, for unnest().
#pragma once

#include "server/domain/append.h"
#include "server/storage/pg_binary.h"

namespace eventstore::storage {

// The columns that come from the request, as parallel arrays.
struct ContentArrays {
  BinaryArray id{PgType::kUuid}, aggregate_id{PgType::kUuid}, aggregate_type{PgType::kText}, event_type{PgType::kText},
      user_id{PgType::kText}, data{PgType::kJsonb}, metadata{PgType::kJsonb}, causation_id{PgType::kUuid},
      correlation_id{PgType::kUuid}, source{PgType::kText};

  void Add(const domain::Append& append, const domain::NewEvent& event) {
    id.Add(event.id);
    aggregate_id.Add(append.aggregate_id);
    aggregate_type.AddText(append.aggregate_type);
    event_type.AddText(event.event_type);
    if (event.user_id.empty()) {
      user_id.AddNull();
    } else {
      user_id.AddText(event.user_id);
    }
    data.AddJson(event.data);
    metadata.AddJson(event.metadata);
    causation_id.Add(event.causation_id);
    correlation_id.Add(event.correlation_id);
    source.AddText(event.source);
  }
};

}  // namespace eventstore::storage
