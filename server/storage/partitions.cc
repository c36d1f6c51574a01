#include "server/storage/partitions.h"

#include "server/storage/engines/timescaledb_partitions.h"

namespace eventstore::storage {

std::unique_ptr<Partitions> PartitionsOf(const std::string& /*engine*/, const std::string& edition) {
  return std::make_unique<TimescaledbPartitions>(edition == "timescale");
}

}  // namespace eventstore::storage
