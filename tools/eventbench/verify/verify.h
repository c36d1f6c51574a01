// Reads back what was written, and compares it with what was acknowledged.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/eventbench/options/options.h"
#include "tools/eventbench/run/prepare.h"
#include "tools/eventbench/verify/compare.h"
#include "tools/eventbench/verify/ledger.h"

namespace eventstore::eventbench {

struct VerifyResult {
  std::int64_t aggregates = 0;
  std::int64_t acknowledged = 0;
  Comparison found;
  bool interrupted = false;

  bool clean() const { return !interrupted && found.Violations() == 0; }
};

// Every aggregate of the ledger, whole.
absl::StatusOr<VerifyResult> Verify(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    Ledger ledger, const OnProgress& progress);

}  // namespace eventstore::eventbench
