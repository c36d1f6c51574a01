#include "tools/eventbench/options/mix.h"

#include <fmt/format.h>

#include <charconv>

namespace eventstore::eventbench {
namespace {

constexpr std::array<const char*, kKinds> kNames = {"append",     "batch", "stream", "replay", "user",
                                                    "correlated", "count", "tail",   "ping"};
constexpr std::uint32_t kMaxWeight = 1'000'000;

}  // namespace

std::string NameOf(Kind kind) { return kNames[IndexOf(kind)]; }

std::optional<Kind> KindNamed(std::string_view name) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (name == kNames[i]) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

absl::StatusOr<Mix> Mix::Parse(std::string_view text) {
  Mix mix;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const auto kind = KindNamed(name);
    if (!kind) {
      return absl::InvalidArgumentError(
          fmt::format("\"{}\" is none of append, batch, stream, replay, user, correlated, count, tail, ping", name));
    }
    std::uint32_t weight = 1;
    if (equals != std::string_view::npos) {
      const std::string_view number = part.substr(equals + 1);
      const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
      if (error != std::errc() || rest != number.data() + number.size() || weight < 1 || weight > kMaxWeight) {
        return absl::InvalidArgumentError(
            fmt::format("the weight \"{}\" of {} is no number from 1 to {}", number, name, kMaxWeight));
      }
    }
    if (mix.Has(*kind)) return absl::InvalidArgumentError(fmt::format("{} is named twice", name));
    mix.weights_[IndexOf(*kind)] = weight;
    mix.total_ += weight;
  }
  return mix;
}

Kind Mix::Pick(std::uint64_t random) const {
  std::uint64_t left = random % total_;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (left < weights_[i]) return static_cast<Kind>(i);
    left -= weights_[i];
  }
  return Kind::kAppend;  // not reached: the weights sum up to total_
}

bool Mix::HasWrites() const { return Has(Kind::kAppend) || Has(Kind::kBatch) || Has(Kind::kStream); }

bool Mix::HasReads() const {
  return Has(Kind::kReplay) || Has(Kind::kUser) || Has(Kind::kCorrelated) || Has(Kind::kCount) || Has(Kind::kTail);
}

std::string Mix::Text() const {
  std::string text;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (weights_[i] == 0) continue;
    if (!text.empty()) text += ',';
    text += fmt::format("{}={}", kNames[i], weights_[i]);
  }
  return text;
}

}  // namespace eventstore::eventbench
