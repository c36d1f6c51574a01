// What is done how often: "append=80,replay=20".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace eventstore::eventbench {

enum class Kind : std::uint8_t {
  kAppend,      // one Append
  kBatch,       // many events in one request
  kStream,      // one item of an AppendStream
  kReplay,      // GetAggregateStream
  kUser,        // GetUserStream
  kCorrelated,  // GetCorrelatedEvents
  kCount,       // CountEvents of a user
  kTail,        // ReadAll from a position
  kPing,        // grpc.health.v1 Check: what a call costs that does nothing
};
inline constexpr std::size_t kKinds = 9;

// "append", as in --mix.
std::string NameOf(Kind kind);
std::optional<Kind> KindNamed(std::string_view name);
inline std::size_t IndexOf(Kind kind) { return static_cast<std::size_t>(kind); }
inline bool Writes(Kind kind) { return kind <= Kind::kStream; }

class Mix {
 public:
  // Names with weights above zero ("append=80,replay=20"), or one name alone ("append").
  static absl::StatusOr<Mix> Parse(std::string_view text);

  // `random`: any number, evenly spread.
  Kind Pick(std::uint64_t random) const;
  bool Has(Kind kind) const { return weights_[IndexOf(kind)] > 0; }
  bool HasWrites() const;
  bool HasReads() const;
  std::string Text() const;

 private:
  std::array<std::uint32_t, kKinds> weights_{};
  std::uint64_t total_ = 0;
};

}  // namespace eventstore::eventbench
