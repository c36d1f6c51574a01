// Lines in one zstd frame with its checksum: what archive files are made of, whatever their lines say. `zstdcat` reads
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::archive {

struct LineFileFacts {
  std::int64_t bytes = 0;  // of the file
  std::string sha256;      // of the file

  bool operator==(const LineFileFacts&) const = default;
};

class LineFileWriter {
 public:
  // `path` is made anew, mode 0600.
  static absl::StatusOr<std::unique_ptr<LineFileWriter>> Create(const std::string& path);
  ~LineFileWriter();
  LineFileWriter(const LineFileWriter&) = delete;
  LineFileWriter& operator=(const LineFileWriter&) = delete;

  // Without its line end.
  absl::Status Add(std::string_view line);
  // The end of the frame, on the disk with all the rest.
  absl::StatusOr<LineFileFacts> Finish();

 private:
  struct State;
  explicit LineFileWriter(std::unique_ptr<State> state);
  absl::Status Compress(std::string_view bytes, bool last);

  const std::unique_ptr<State> state_;
};

// Gets a line without its end, before it is known whether the file is whole. An error ends the reading.
using LineSink = std::function<absl::Status(std::string_view)>;

// The bytes of such a file in, its lines out. What is not one whole frame of lines, each of at most `longest` bytes, is
// ARCHIVE_DAMAGED; memory is bounded whatever the bytes are.
class LineDecoder {
 public:
  LineDecoder(std::size_t longest, LineSink sink);
  ~LineDecoder();
  LineDecoder(const LineDecoder&) = delete;
  LineDecoder& operator=(const LineDecoder&) = delete;

  absl::Status Add(std::string_view bytes);
  absl::StatusOr<LineFileFacts> Finish();

 private:
  struct State;
  absl::Status Split(std::string_view text);

  const std::unique_ptr<State> state_;
};

// The whole file.
absl::StatusOr<LineFileFacts> ReadLineFile(const std::string& path, std::size_t longest, const LineSink& sink);

}  // namespace eventstore::archive
