// What the write path tells whoever counts it. Called by its own threads, before the callers are answered; must not block.
#pragma once

#include <chrono>
#include <cstddef>

#include "absl/status/status.h"

namespace eventstore::storage {

struct BatchFigures {
  std::size_t requests = 0;  // of any outcome
  std::size_t events = 0;    // written; 0: nothing was to be written, so nothing was committed
  std::chrono::nanoseconds took{};
};

class AppendObserver {
 public:
  virtual ~AppendObserver() = default;

  // A lane's writer has decided a batch, and committed what there was to write.
  virtual void OnBatch(const BatchFigures& /*batch*/) {}
  // A batch failed and is run again, request by request.
  virtual void OnRerun() {}
  // The connection was lost at commit; `outcome`: "committed", "not committed" or "unknown".
  virtual void OnLostCommit(const char* /*outcome*/) {}

  // One append, alone or of a stream, or one batch of appends has its answer.
  virtual void OnWritten() {}
  virtual void OnRepeated() {}  // it was stored before
  virtual void OnRefused(const absl::Status& /*status*/) {}
};

}  // namespace eventstore::storage
