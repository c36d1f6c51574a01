#include "server/service/open_streams.h"

#include <algorithm>
#include <utility>

namespace eventstore::service {

void OpenStreams::Add(const std::shared_ptr<OpenStream>& stream, const Admission& admission) {
  absl::Status closed;
  {
    const std::scoped_lock lock(mutex_);
    closed = closed_;
    if (closed.ok()) {
      open_.push_back({stream, admission.WithoutPass()});
      if (open_.size() >= sweep_at_) {
        std::erase_if(open_, [](const auto& listed) { return listed.stream.expired(); });
        // Twice what is open: sweeping costs a constant for each stream.
        sweep_at_ = std::max<std::size_t>(64, 2 * open_.size());
      }
    }
  }
  if (!closed.ok()) stream->Close(closed);
}

void OpenStreams::CloseThose(const std::function<absl::Status(const Admission&)>& check) {
  std::vector<Listed> open;
  {
    const std::scoped_lock lock(mutex_);
    open = open_;
  }
  for (const auto& listed : open) {
    const auto stream = listed.stream.lock();
    if (!stream) continue;
    if (const absl::Status checked = check(listed.admission); !checked.ok()) stream->Close(checked);
  }
}

void OpenStreams::Close(const absl::Status& status) {
  std::vector<Listed> open;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = status;
    open.swap(open_);
  }
  for (const auto& listed : open) {
    if (const auto stream = listed.stream.lock()) stream->Close(status);
  }
}

}  // namespace eventstore::service
