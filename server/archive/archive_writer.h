// Writes one archive file (format.h), compressing while lines come.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/archive/format.h"

namespace eventstore::archive {

class ArchiveWriter {
 public:
  // `path` is made anew. What was written so far is no archive until Finish() was Ok.
  static absl::StatusOr<std::unique_ptr<ArchiveWriter>> Create(const std::string& path, const Header& header);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // An event without its line end, of a greater position than the last one.
  absl::Status Add(std::string_view line);
  // The footer, on the disk with all the rest.
  absl::StatusOr<Footer> Finish();

 private:
  struct State;
  explicit ArchiveWriter(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace eventstore::archive
