#include "server/archive/archive_reader.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "fmt/format.h"
#include "server/archive/file_io.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"

namespace eventstore::archive {
namespace {

// Bounds what a file can make us keep: the writer's level uses 2 MiB.
constexpr int kMaxWindowLog = 23;

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

// Bytes of a file in, lines out.
class Decoder {
 public:
  explicit Decoder(const LineSink& sink) : lines_(sink), out_(ZSTD_DStreamOutSize()) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~Decoder() { ZSTD_freeDCtx(context_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  absl::Status Add(std::string_view bytes) {
    file_.Add(bytes);
    bytes_ += static_cast<std::int64_t>(bytes.size());
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    // The frame's end is known only when all it gives has been taken.
    while (in.pos < in.size || more_) {
      if (ended_) return Damaged("something follows its end");
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const std::size_t left = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left)) return Damaged(fmt::format("zstd says: {}", ZSTD_getErrorName(left)));
      ended_ = left == 0;
      more_ = !ended_ && out.pos == out.size;
      if (absl::Status split = Split({out_.data(), out.pos}); !split.ok()) return split;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Contents> Finish() {
    if (!ended_ || !rest_.empty()) return Damaged("its end is missing");
    auto contents = lines_.Finish();
    if (!contents.ok()) return contents;
    contents->bytes = bytes_;
    contents->file_sha256 = file_.Hex();
    return contents;
  }

 private:
  absl::Status Split(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      const std::string_view piece = text.substr(0, end);
      if (rest_.size() + piece.size() > kMaxLineBytes) return Damaged("a line of it is too long");
      if (end == std::string_view::npos) {
        rest_.append(piece);
        return absl::OkStatus();
      }
      absl::Status added;
      if (rest_.empty()) {
        added = lines_.Add(piece);
      } else {
        rest_.append(piece);
        added = lines_.Add(rest_);
        rest_.clear();
      }
      if (!added.ok()) return added;
      text.remove_prefix(end + 1);
    }
    return absl::OkStatus();
  }

  ZSTD_DCtx* const context_ = ZSTD_createDCtx();
  Lines lines_;
  std::vector<char> out_;
  std::string rest_;
  Sha256 file_;
  std::int64_t bytes_ = 0;
  bool ended_ = false;
  bool more_ = false;
};

}  // namespace

absl::StatusOr<Contents> ReadArchiveFile(const std::string& path, const LineSink& sink) {
  auto file = File::OpenToRead(path);
  if (!file.ok()) return file.status();
  Decoder decoder(sink);
  std::vector<char> buffer(ZSTD_DStreamInSize());
  for (;;) {
    auto got = file->Read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return decoder.Finish();
    if (absl::Status added = decoder.Add({buffer.data(), *got}); !added.ok()) return added;
  }
}

absl::StatusOr<Contents> ReadArchiveBytes(std::string_view bytes, const LineSink& sink) {
  Decoder decoder(sink);
  if (absl::Status added = decoder.Add(bytes); !added.ok()) return added;
  return decoder.Finish();
}

}  // namespace eventstore::archive
