#include "server/archive/archive_writer.h"

#include <zstd.h>

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/archive/file_io.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"

namespace eventstore::archive {
namespace {

// zstd's own default: beyond it, time grows faster than files shrink.
constexpr int kLevel = 3;

absl::Status CompressionFailed(std::size_t result) {
  return domain::ErrorOf(domain::Reason::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(result)));
}

}  // namespace

struct ArchiveWriter::State {
  File file;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());
  Sha256 lines;
  Sha256 digests;
  Footer footer;

  State() = default;
  ~State() { ZSTD_freeCCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

ArchiveWriter::ArchiveWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveWriter::~ArchiveWriter() = default;

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Create(const std::string& path, const Header& header) {
  auto file = File::Create(path);
  if (!file.ok()) return file.status();
  auto state = std::make_unique<State>();
  state->file = *std::move(file);
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, kLevel}, std::pair{ZSTD_c_checksumFlag, 1}}) {
    const std::size_t set = ZSTD_CCtx_setParameter(state->context, parameter, value);
    if (ZSTD_isError(set)) return CompressionFailed(set);
  }
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(state)));
  if (absl::Status begun = writer->Compress(HeaderLine(header) + "\n", false); !begun.ok()) return begun;
  return writer;
}

absl::Status ArchiveWriter::Compress(std::string_view bytes, bool last) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{state_->out.data(), state_->out.size(), 0};
    const std::size_t left = ZSTD_compressStream2(state_->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return CompressionFailed(left);
    if (absl::Status written = state_->file.Write({state_->out.data(), out.pos}); !written.ok()) return written;
    if (last ? left == 0 : in.pos == in.size) return absl::OkStatus();
  }
}

absl::Status ArchiveWriter::Add(std::string_view line) {
  auto position = PositionOf(line);
  if (!position.ok()) return position.status();
  Footer& footer = state_->footer;
  if (footer.events > 0 && *position <= footer.greatest) {
    return domain::ErrorOf(
        domain::Reason::kInternal,
        fmt::format("two events have positions {} and {}, in this order; `eventctl verify` tells more", footer.greatest,
                    *position));
  }
  if (footer.events == 0) footer.least = *position;
  footer.greatest = *position;
  ++footer.events;
  state_->digests.Add(Sha256::BytesOf(line));
  state_->lines.Add(line);
  state_->lines.Add("\n");
  if (absl::Status added = Compress(line, false); !added.ok()) return added;
  return Compress("\n", false);
}

absl::StatusOr<Footer> ArchiveWriter::Finish() {
  Footer& footer = state_->footer;
  footer.sha256 = state_->lines.Hex();
  footer.digest = state_->digests.Hex();
  if (absl::Status ended = Compress(FooterLine(footer) + "\n", true); !ended.ok()) return ended;
  if (absl::Status synced = state_->file.SyncAndClose(); !synced.ok()) return synced;
  return footer;
}

}  // namespace eventstore::archive
