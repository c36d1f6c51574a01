#include <vector>

#include "absl/status/status.h"
#include "server/archive/archive_reader.h"
#include "server/domain/error.h"
#include "server/domain/validation.h"
#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {

std::string CheckArchive(const std::string& input) {
  std::int64_t lines = 0;
  domain::Position last = -1;
  std::string wrong;
  const auto contents = archive::ReadArchiveBytes(input, [&](std::string_view line) {
    ++lines;
    const auto position = archive::PositionOf(line);
    if (line.size() > archive::kMaxLineBytes) wrong = "a line beyond the limit";
    if (!position.ok() || (lines > 1 && *position <= last)) wrong = "events out of order";
    if (position.ok()) last = *position;
    return absl::OkStatus();
  });
  if (!wrong.empty()) return wrong;
  if (!contents.ok()) {
    const auto reason = domain::FromStatus(contents.status()).reason;
    if (reason != domain::Reason::kArchiveDamaged && reason != domain::Reason::kStoreIncompatible) {
      return "refused for another reason than damage";
    }
  } else if (contents->footer.events != lines || contents->bytes != static_cast<std::int64_t>(input.size())) {
    return "accepted what does not have what its footer names";
  }
  // A manifest is text that may have been changed as well.
  const auto manifest = archive::ParseManifest(input);
  if (manifest.ok() && archive::ManifestText(*manifest) != input) return "a manifest is not the text that was parsed";
  return "";
}

}  // namespace eventstore::fuzz
