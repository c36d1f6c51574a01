// The streams that have no end of their own, so that a server that goes down can end them: one whose client waits, or has
// nothing to append, would stay open for ever.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"

namespace eventstore::service {

class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends with `status`, after what it still owes.
  virtual void Close(const absl::Status& status) = 0;
};

// Thread-safe. Outlives every stream.
class OpenStreams {
 public:
  // One that comes after Close() is closed at once.
  void Add(const std::shared_ptr<OpenStream>& stream);
  // Closes every stream, those to come included.
  void Close(const absl::Status& status);

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<OpenStream>> open_;
  std::size_t sweep_at_ = 64;  // when so many are listed, those that have ended are taken out
  absl::Status closed_ = absl::OkStatus();
};

}  // namespace eventstore::service
