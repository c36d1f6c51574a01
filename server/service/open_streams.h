// The streams that have no end of their own, so that others can end them: a server that goes down, since one whose client
// waits, or has nothing to append, would stay open for ever; and whoever looks whether their callers may still have them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "server/service/admission.h"

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
  void Add(const std::shared_ptr<OpenStream>& stream, const Admission& admission);
  // Closes those of which `check` says what is wrong with them, with that.
  void CloseThose(const std::function<absl::Status(const Admission& admission)>& check);
  // Closes every stream, those to come included.
  void Close(const absl::Status& status);

 private:
  struct Listed {
    std::weak_ptr<OpenStream> stream;
    Admission admission;
  };

  std::mutex mutex_;
  std::vector<Listed> open_;
  std::size_t sweep_at_ = 64;  // when so many are listed, those that have ended are taken out
  absl::Status closed_ = absl::OkStatus();
};

}  // namespace eventstore::service
