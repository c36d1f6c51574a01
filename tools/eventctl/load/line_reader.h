// Lines of a file or of standard input, with their places.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::eventctl {

struct Place {
  std::uint64_t bytes = 0;  // before this place
  std::uint64_t lines = 0;

  bool operator==(const Place&) const = default;
};

class LineReader {
 public:
  // "-" is standard input.
  static absl::StatusOr<LineReader> Open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  enum class Got { kLine, kEnd, kIdle };
  // kIdle: nothing came for `idle_ms`; a slow pipe should not keep back what was read before.
  absl::StatusOr<Got> Next(std::string* line, int idle_ms);

  // Skips to a place where an earlier reader was.
  absl::Status SkipTo(const Place& place);

  // After the last line given.
  const Place& place() const { return place_; }
  // 0: not known.
  std::uint64_t total_bytes() const { return total_bytes_; }
  // Of the first bytes of a file, to tell inputs apart; 0 for a pipe.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  LineReader(int fd, bool owned, std::uint64_t total_bytes, std::uint64_t fingerprint);
  // Reads more into the buffer; false at the end.
  absl::StatusOr<bool> Fill();

  int fd_;
  bool owned_;
  std::uint64_t total_bytes_;
  std::uint64_t fingerprint_;
  std::string buffer_;
  std::size_t used_ = 0;      // of buffer_: lines given already
  std::size_t searched_ = 0;  // of buffer_: no line end before this
  bool ended_ = false;
  Place place_;
};

}  // namespace eventstore::eventctl
