#include "server/archive/archive_reader.h"

#include <optional>

#include "fmt/format.h"
#include "server/archive/line_file.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"

namespace eventstore::archive {
namespace {

// What the lines of one archive say, line by line.
class Lines {
 public:
  explicit Lines(const LineSink& sink) : sink_(sink) {}

  absl::Status Add(std::string_view line) {
    if (footer_) return Damaged("something follows its footer");
    if (!header_) {
      auto header = ParseHeader(line);
      if (!header.ok()) return header.status();
      header_ = *std::move(header);
      return absl::OkStatus();
    }
    return IsFooterLine(line) ? End(line) : AddEvent(line);
  }

  absl::StatusOr<Contents> Finish() const {
    if (!header_ || !footer_) return Damaged("its end is missing");
    Contents contents;
    contents.header = *header_;
    contents.footer = *footer_;
    return contents;
  }

 private:
  absl::Status AddEvent(std::string_view line) {
    auto position = PositionOf(line);
    if (!position.ok()) return position.status();
    if (found_.events > 0 && *position <= found_.greatest) return Damaged("its events are not in order");
    if (found_.events == 0) found_.least = *position;
    found_.greatest = *position;
    ++found_.events;
    digests_.Add(Sha256::BytesOf(line));
    lines_.Add(line);
    lines_.Add("\n");
    return sink_ ? sink_(line) : absl::OkStatus();
  }

  absl::Status End(std::string_view line) {
    auto footer = ParseFooter(line);
    if (!footer.ok()) return footer.status();
    found_.sha256 = lines_.Hex();
    found_.digest = digests_.Hex();
    if (*footer != found_) {
      return Damaged(fmt::format("its footer names {} events with SHA-256 {}, it holds {} with {}", footer->events,
                                 footer->sha256, found_.events, found_.sha256));
    }
    footer_ = found_;
    return absl::OkStatus();
  }

  const LineSink& sink_;
  std::optional<Header> header_;
  std::optional<Footer> footer_;
  Footer found_;
  Sha256 lines_;
  Sha256 digests_;
};

absl::StatusOr<Contents> ContentsOf(const Lines& lines, const absl::StatusOr<LineFileFacts>& file) {
  if (!file.ok()) return file.status();
  auto contents = lines.Finish();
  if (!contents.ok()) return contents;
  contents->bytes = file->bytes;
  contents->file_sha256 = file->sha256;
  return contents;
}

}  // namespace

absl::StatusOr<Contents> ReadArchiveFile(const std::string& path, const LineSink& sink) {
  Lines lines(sink);
  return ContentsOf(lines, ReadLineFile(path, kMaxLineBytes, [&](std::string_view line) { return lines.Add(line); }));
}

absl::StatusOr<Contents> ReadArchiveBytes(std::string_view bytes, const LineSink& sink) {
  Lines lines(sink);
  LineDecoder decoder(kMaxLineBytes, [&](std::string_view line) { return lines.Add(line); });
  if (absl::Status added = decoder.Add(bytes); !added.ok()) return added;
  return ContentsOf(lines, decoder.Finish());
}

}  // namespace eventstore::archive
