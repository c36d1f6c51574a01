#include "server/storage/partitions.h"

#include "server/storage/engines/engine.h"

namespace eventstore::storage {

std::unique_ptr<Partitions> PartitionsOf(const std::string& engine, const std::string& edition) {
  const Engine* known = FindEngine(engine);
  return known == nullptr ? nullptr : known->partitions(edition);
}

}  // namespace eventstore::storage
