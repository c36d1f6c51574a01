// The AppendStreams that are open, so that a server that goes down can end them: one whose client has nothing to append
// would stay open for ever.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"

namespace eventstore::service {

class AppendStream;

// Thread-safe. Outlives every stream.
class AppendStreams {
 public:
  // One that comes after Close() is closed at once.
  void Add(const std::shared_ptr<AppendStream>& stream);
  // Every stream, those to come included, takes in nothing more and ends with `status` after its last outcome.
  void Close(const absl::Status& status);

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<AppendStream>> open_;
  std::size_t sweep_at_ = 64;  // when so many are listed, those that have ended are taken out
  absl::Status closed_ = absl::OkStatus();
};

}  // namespace eventstore::service
