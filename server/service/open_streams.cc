#include "server/service/open_streams.h"

#include <algorithm>
#include <utility>

namespace eventstore::service {

void OpenStreams::Add(const std::shared_ptr<OpenStream>& stream) {
  absl::Status closed;
  {
    const std::scoped_lock lock(mutex_);
    closed = closed_;
    if (closed.ok()) {
      open_.push_back(stream);
      if (open_.size() >= sweep_at_) {
        std::erase_if(open_, [](const auto& listed) { return listed.expired(); });
        // Twice what is open: sweeping costs a constant for each stream.
        sweep_at_ = std::max<std::size_t>(64, 2 * open_.size());
      }
    }
  }
  if (!closed.ok()) stream->Close(closed);
}

void OpenStreams::Close(const absl::Status& status) {
  std::vector<std::weak_ptr<OpenStream>> open;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = status;
    open.swap(open_);
  }
  for (const auto& listed : open) {
    if (const auto stream = listed.lock()) stream->Close(status);
  }
}

}  // namespace eventstore::service
