// How much memory the pages of all streams take that clients have not taken yet. While it is little, pages are large and
// the next one is read ahead, which is fastest; when it is much, each stream keeps one small page. So the memory of a
// server is bounded by what is generous plus a small page for each stream, whether its clients read or sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <utility>

#include "server/domain/limits.h"

namespace eventstore::service {

// gRPC takes a message at once while the client's window has room for it, else when the client has read on.
inline constexpr std::chrono::milliseconds kTakenAtOnce{20};
// Of pages that wait for clients, before streams keep small ones.
inline constexpr std::size_t kGenerousPages = std::size_t{32} << 20;

// Thread-safe. Outlives every share.
class PageMemory {
 public:
  // Bytes, given back at its end.
  class Share {
   public:
    Share() = default;
    Share(PageMemory& memory, std::size_t bytes) : memory_(&memory), bytes_(bytes) { memory_->bytes_ += bytes_; }
    Share(Share&& other) noexcept { Swap(other); }
    Share& operator=(Share&& other) noexcept {
      Share(std::move(other)).Swap(*this);
      return *this;
    }
    ~Share() {
      if (memory_ != nullptr) memory_->bytes_ -= bytes_;
    }

   private:
    void Swap(Share& other) {
      std::swap(memory_, other.memory_);
      std::swap(bytes_, other.bytes_);
    }

    PageMemory* memory_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit PageMemory(std::size_t generous_bytes, std::size_t page_bytes = domain::kMaxPageBytes)
      : generous_(generous_bytes), page_bytes_(page_bytes) {}

  bool IsPlenty() const { return bytes_ < generous_; }
  // Of data and metadata on one page, unless a single event has more.
  std::size_t page_bytes() const { return page_bytes_; }

 private:
  const std::size_t generous_;
  const std::size_t page_bytes_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace eventstore::service
