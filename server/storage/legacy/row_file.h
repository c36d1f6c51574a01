// Lines in one zstd frame with its checksum, written and read back with what they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::storage {

struct RowFileFacts {
  std::int64_t rows = 0;
  // Sum of the first 8 bytes of the SHA-256 of each line, as signed numbers, in decimal: the order does not matter.
  std::string digest = "0";
  std::int64_t bytes = 0;  // of the file
  std::string sha256;      // of the file

  bool operator==(const RowFileFacts&) const = default;
};

class RowFileWriter {
 public:
  // Mode 0600; what was there is replaced.
  static absl::StatusOr<std::unique_ptr<RowFileWriter>> Create(const std::string& path);
  ~RowFileWriter();
  RowFileWriter(const RowFileWriter&) = delete;
  RowFileWriter& operator=(const RowFileWriter&) = delete;

  // Without its line end.
  absl::Status Add(std::string_view line);
  // On the disk.
  absl::StatusOr<RowFileFacts> Finish();

 private:
  struct State;
  explicit RowFileWriter(std::unique_ptr<State> state);
  absl::Status Compress(std::string_view bytes, bool last);

  const std::unique_ptr<State> state_;
};

// The whole file. INTERNAL when it is not one whole frame of lines.
absl::StatusOr<RowFileFacts> ReadRowFile(const std::string& path);

// Gives the file its name, writes <path>.sha256 beside it, and has both on the disk.
absl::Status FinishRowFile(const std::string& unfinished, const std::string& path, const std::string& sha256);

}  // namespace eventstore::storage
