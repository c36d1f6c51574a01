// How far a load is: everything before a place in the input is stored. Kept in a file, it lets the next run begin there.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/eventctl/load/line_reader.h"

namespace eventstore::eventctl {

// Which part of the input is done, while batches of it end in any order. Thread-safe.
class Watermark {
 public:
  explicit Watermark(Place start) : read_(start) {}

  // Lines from `begin` on are in somebody's hands now, until Done(begin).
  void Began(const Place& begin);
  void Done(const Place& begin);
  // The input has been read, and handed out, up to here.
  void Read(const Place& place);

  // Every line before this is done.
  Place Reached() const;

 private:
  mutable std::mutex mutex_;
  Place read_;
  std::multiset<std::pair<std::uint64_t, std::uint64_t>> open_;  // bytes, lines
};

// The state file: {"input": ..., "fingerprint": ..., "bytes": ..., "lines": ...}.
class StateFile {
 public:
  StateFile(std::string path, std::string input, std::uint64_t fingerprint);

  // Nothing: there is none yet. InvalidArgument when it is about another input.
  absl::StatusOr<std::optional<Place>> Load() const;
  // Replaces the file in one step: a crash leaves the old or the new one.
  absl::Status Save(const Place& place) const;

 private:
  const std::string path_;
  const std::string input_;
  const std::uint64_t fingerprint_;
};

}  // namespace eventstore::eventctl
