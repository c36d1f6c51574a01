#include "server/archive/line_file.h"

#include <zstd.h>

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/archive/file_io.h"
#include "server/archive/format.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"

namespace eventstore::archive {
namespace {

// zstd's own default: beyond it, time grows faster than files shrink.
constexpr int kLevel = 3;
// Bounds what a file can make us keep: the writer's level uses 2 MiB.
constexpr int kMaxWindowLog = 23;

absl::Status CompressionFailed(std::size_t result) {
  return domain::ErrorOf(domain::Reason::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(result)));
}

}  // namespace

struct LineFileWriter::State {
  File file;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());
  Sha256 sha;
  LineFileFacts facts;

  State() = default;
  ~State() { ZSTD_freeCCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

LineFileWriter::LineFileWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineFileWriter::~LineFileWriter() = default;

absl::StatusOr<std::unique_ptr<LineFileWriter>> LineFileWriter::Create(const std::string& path) {
  auto file = File::Create(path);
  if (!file.ok()) return file.status();
  auto state = std::make_unique<State>();
  state->file = *std::move(file);
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, kLevel}, std::pair{ZSTD_c_checksumFlag, 1}}) {
    const std::size_t set = ZSTD_CCtx_setParameter(state->context, parameter, value);
    if (ZSTD_isError(set) != 0) return CompressionFailed(set);
  }
  return std::unique_ptr<LineFileWriter>(new LineFileWriter(std::move(state)));
}

absl::Status LineFileWriter::Compress(std::string_view bytes, bool last) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{state_->out.data(), state_->out.size(), 0};
    const std::size_t left = ZSTD_compressStream2(state_->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return CompressionFailed(left);
    const std::string_view made(state_->out.data(), out.pos);
    if (absl::Status written = state_->file.Write(made); !written.ok()) return written;
    state_->sha.Add(made);
    state_->facts.bytes += static_cast<std::int64_t>(made.size());
    if (last ? left == 0 : in.pos == in.size) return absl::OkStatus();
  }
}

absl::Status LineFileWriter::Add(std::string_view line) {
  if (absl::Status added = Compress(line, false); !added.ok()) return added;
  return Compress("\n", false);
}

absl::StatusOr<LineFileFacts> LineFileWriter::Finish() {
  if (absl::Status ended = Compress("", true); !ended.ok()) return ended;
  if (absl::Status synced = state_->file.SyncAndClose(); !synced.ok()) return synced;
  state_->facts.sha256 = state_->sha.Hex();
  return state_->facts;
}

struct LineDecoder::State {
  State(std::size_t most, LineSink to) : longest(most), sink(std::move(to)), out(ZSTD_DStreamOutSize()) {
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~State() { ZSTD_freeDCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const std::size_t longest;
  const LineSink sink;
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  std::vector<char> out;
  std::string rest;
  Sha256 file;
  std::int64_t bytes = 0;
  bool ended = false;
  bool more = false;
};

LineDecoder::LineDecoder(std::size_t longest, LineSink sink)
    : state_(std::make_unique<State>(longest, std::move(sink))) {}
LineDecoder::~LineDecoder() = default;

absl::Status LineDecoder::Add(std::string_view bytes) {
  State& s = *state_;
  s.file.Add(bytes);
  s.bytes += static_cast<std::int64_t>(bytes.size());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  // The frame's end is known only when all it gives has been taken.
  while (in.pos < in.size || s.more) {
    if (s.ended) return Damaged("something follows its end");
    ZSTD_outBuffer out{s.out.data(), s.out.size(), 0};
    const std::size_t left = ZSTD_decompressStream(s.context, &out, &in);
    if (ZSTD_isError(left) != 0) return Damaged(fmt::format("zstd says: {}", ZSTD_getErrorName(left)));
    s.ended = left == 0;
    s.more = !s.ended && out.pos == out.size;
    if (absl::Status split = Split({s.out.data(), out.pos}); !split.ok()) return split;
  }
  return absl::OkStatus();
}

absl::StatusOr<LineFileFacts> LineDecoder::Finish() {
  if (!state_->ended || !state_->rest.empty()) return Damaged("its end is missing");
  return LineFileFacts{state_->bytes, state_->file.Hex()};
}

absl::Status LineDecoder::Split(std::string_view text) {
  State& s = *state_;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view piece = text.substr(0, end);
    if (s.rest.size() + piece.size() > s.longest) return Damaged("a line of it is too long");
    if (end == std::string_view::npos) {
      s.rest.append(piece);
      return absl::OkStatus();
    }
    absl::Status added;
    if (s.rest.empty()) {
      added = s.sink(piece);
    } else {
      s.rest.append(piece);
      added = s.sink(s.rest);
      s.rest.clear();
    }
    if (!added.ok()) return added;
    text.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<LineFileFacts> ReadLineFile(const std::string& path, std::size_t longest, const LineSink& sink) {
  auto file = File::OpenToRead(path);
  if (!file.ok()) return file.status();
  LineDecoder decoder(longest, sink);
  std::vector<char> buffer(ZSTD_DStreamInSize());
  for (;;) {
    auto got = file->Read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return decoder.Finish();
    if (absl::Status added = decoder.Add({buffer.data(), *got}); !added.ok()) return added;
  }
}

}  // namespace eventstore::archive
