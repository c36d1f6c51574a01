#include "tools/eventbench/options/options.h"

#include <fmt/format.h>

#include "tools/eventbench/load/ids.h"

namespace eventstore::eventbench {
namespace {

constexpr int kMostAppends = 1'000;  // of one AppendBatch; docs/errors.md

}  // namespace

absl::Status Check(const Options& options) {
  if (options.mix.Has(Kind::kBatch) && !options.batch_as_events && options.batch_size > kMostAppends) {
    return absl::InvalidArgumentError(fmt::format(
        "AppendBatch takes at most {} appends: use a smaller --batch-size, or --batch-as events", kMostAppends));
  }
  for (const auto& id : options.given_aggregates) {
    if (!ParseId(id)) return absl::InvalidArgumentError(fmt::format("\"{}\" is no UUID of an aggregate", id));
  }
  if (options.fill > 0 && options.distribution == Distribution::kDistinct) {
    return absl::InvalidArgumentError("--fill needs aggregates that are used again: not --distribution distinct");
  }
  if (options.verify && !options.mix.HasWrites() && options.fill == 0) {
    return absl::InvalidArgumentError("--verify checks what was written, and nothing would be: add append to --mix");
  }
  if (options.holds() && options.verify) {
    return absl::InvalidArgumentError("--hold-reads and --hold-appends write nothing to --verify");
  }
  if (options.follow > 0 && (options.holds() || options.drain != Drain::kNone)) {
    return absl::InvalidArgumentError("--follow is for a load: not with --drain, --hold-reads or --hold-appends");
  }
  return absl::OkStatus();
}

std::string NameOf(Distribution distribution) {
  switch (distribution) {
    case Distribution::kUniform:
      return "uniform";
    case Distribution::kZipf:
      return "zipf";
    case Distribution::kHot:
      return "hot";
    default:
      return "distinct";
  }
}

}  // namespace eventstore::eventbench
