#include "server/domain/erasure/envelope.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "fmt/format.h"

namespace eventstore::domain::erasure {
namespace {

constexpr std::string_view kVersion = "1";

// One text has one form: absl skips spaces and dots, and takes base64 with or without its end.
std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape({text.data(), text.size()}, &bytes) || absl::Base64Escape(bytes) != text)
    return std::nullopt;
  return bytes;
}

}  // namespace

std::string ToJson(const Envelope& envelope) {
  return fmt::format(R"({{"{}": "{}.{}.{}.{}"}})", kEncryptedKey, kVersion, envelope.key_id.ToString(),
                     absl::Base64Escape(envelope.nonce), absl::Base64Escape(envelope.sealed));
}

std::optional<Envelope> ParseEnvelope(std::string_view text) {
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t dot = i + 1 < parts.size() ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, dot);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  if (parts[0] != kVersion) return std::nullopt;
  const auto key_id = Uuid::Parse(parts[1]);
  auto nonce = FromBase64(parts[2]);
  auto sealed = FromBase64(parts[3]);
  if (!key_id || key_id->ToString() != parts[1] || !nonce || !sealed) return std::nullopt;
  if (nonce->size() != kNonceBytes || sealed->size() < kTagBytes) return std::nullopt;
  return Envelope{*key_id, *std::move(nonce), *std::move(sealed)};
}

std::string BoundTo(const Uuid& event_id, std::string_view field, std::string_view pointer) {
  return fmt::format("{}\n{}\n{}\n{}", kVersion, event_id.ToString(), field, pointer);
}

}  // namespace eventstore::domain::erasure
