// What stands in an event in place of a value that is encrypted, and of one that is erased. Pure: whoever encrypts hands in
// the bytes.
//
//   {"$encrypted": "1.<key id>.<nonce>.<ciphertext and tag>"}      the last two in base64
//   {"$erased": true}
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/domain/uuid.h"

namespace eventstore::domain::erasure {

inline constexpr std::string_view kEncryptedKey = "$encrypted";
// What a text without an encrypted value does not hold; cheap to look for.
inline constexpr std::string_view kEncryptedMark = "\"$encrypted\"";
inline constexpr std::string_view kErased = R"({"$erased": true})";

inline constexpr std::size_t kNonceBytes = 12;  // of AES-GCM
inline constexpr std::size_t kTagBytes = 16;

struct Envelope {
  Uuid key_id;
  std::string nonce;   // kNonceBytes
  std::string sealed;  // the ciphertext, then the tag

  bool operator==(const Envelope&) const = default;
};

// The object, as JSON.
std::string ToJson(const Envelope& envelope);

// Of the member's text. Nothing: it is not of this form, or of another version; a client may have sent it.
std::optional<Envelope> ParseEnvelope(std::string_view text);

// What a ciphertext is bound to, so that it opens nowhere else: the version of the form, the event, data or metadata, and
// the pointer to the value.
std::string BoundTo(const Uuid& event_id, std::string_view field, std::string_view pointer);

}  // namespace eventstore::domain::erasure
