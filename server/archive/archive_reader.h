// Reads an archive (format.h) to its end and checks all it says of itself. Takes any bytes: memory is bounded whatever
// they are, and what is not an archive as it was written is ARCHIVE_DAMAGED.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/archive/format.h"
#include "server/archive/line_file.h"

namespace eventstore::archive {

struct Contents {
  Header header;
  Footer footer;
  std::int64_t bytes = 0;   // of the file
  std::string file_sha256;  // of the file
};

// `sink` gets the lines of events; it may be null.
absl::StatusOr<Contents> ReadArchiveFile(const std::string& path, const LineSink& sink);
absl::StatusOr<Contents> ReadArchiveBytes(std::string_view bytes, const LineSink& sink);

}  // namespace eventstore::archive
