// Makes keys and tokens as an issuer would, with OpenSSL: not with the library that checks them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace eventstore::security {

class TokenMaker {
 public:
  // "RS256", "ES256" or "EdDSA".
  explicit TokenMaker(const std::string& algorithm, unsigned rsa_bits = 2048);
  ~TokenMaker();

  // The public key as a JSON object; `more` goes into it: R"(,"use":"sig")".
  std::string Jwk(const std::string& kid, const std::string& more = "") const;
  // Signed as the header says it, by this key.
  std::string Sign(const std::string& header, const std::string& claims) const;
  // The usual header with this kid.
  std::string Token(const std::string& kid, const std::string& claims) const;
  // The public key in the form that a server may have as a file.
  std::string Pem() const;

 private:
  const std::string algorithm_;
  evp_pkey_st* key_;
};

std::string JwksOf(const std::string& keys);
std::string Base64Url(std::string_view bytes);
// HMAC with any secret.
std::string SignHs256(const std::string& header, const std::string& claims, const std::string& secret);

}  // namespace eventstore::security
