#include "server/archive/archive_writer.h"

#include <utility>

#include "fmt/format.h"
#include "server/archive/line_file.h"
#include "server/archive/sha256.h"
#include "server/domain/error.h"

namespace eventstore::archive {

struct ArchiveWriter::State {
  std::unique_ptr<LineFileWriter> file;
  Sha256 lines;
  Sha256 digests;
  Footer footer;
};

ArchiveWriter::ArchiveWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveWriter::~ArchiveWriter() = default;

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Create(const std::string& path, const Header& header) {
  auto file = LineFileWriter::Create(path);
  if (!file.ok()) return file.status();
  auto state = std::make_unique<State>();
  state->file = *std::move(file);
  if (absl::Status begun = state->file->Add(HeaderLine(header)); !begun.ok()) return begun;
  return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(std::move(state)));
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
  return state_->file->Add(line);
}

absl::StatusOr<Footer> ArchiveWriter::Finish() {
  Footer& footer = state_->footer;
  footer.sha256 = state_->lines.Hex();
  footer.digest = state_->digests.Hex();
  if (absl::Status ended = state_->file->Add(FooterLine(footer)); !ended.ok()) return ended;
  if (auto finished = state_->file->Finish(); !finished.ok()) return finished.status();
  return footer;
}

}  // namespace eventstore::archive
