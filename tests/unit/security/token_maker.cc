#include "tests/unit/security/token_maker.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <stdexcept>
#include <vector>

namespace eventstore::security {
namespace {

std::string Number(const EVP_PKEY* key, const char* name, int size) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) throw std::runtime_error(name);
  std::string bytes(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  BN_free(number);
  return Base64Url(bytes);
}

// r and s, 32 bytes each, of a signature in ASN.1.
std::string Flat(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string flat(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(flat.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed), out + 32, 32);
  ECDSA_SIG_free(parsed);
  return flat;
}

}  // namespace

TokenMaker::TokenMaker(const std::string& algorithm, unsigned rsa_bits)
    : algorithm_(algorithm),
      key_(algorithm == "RS256"   ? EVP_RSA_gen(rsa_bits)
           : algorithm == "ES256" ? EVP_EC_gen("P-256")
                                  : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
  if (key_ == nullptr) throw std::runtime_error("no key");
}

TokenMaker::~TokenMaker() { EVP_PKEY_free(key_); }

std::string TokenMaker::Jwk(const std::string& kid, const std::string& more) const {
  std::string jwk = kid.empty() ? "{" : R"({"kid":")" + kid + R"(",)";
  if (algorithm_ == "RS256") {
    jwk += R"("kty":"RSA","n":")" + Number(key_, OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
           Number(key_, OSSL_PKEY_PARAM_RSA_E, 0) + "\"";
  } else if (algorithm_ == "ES256") {
    jwk += R"("kty":"EC","crv":"P-256","x":")" + Number(key_, OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
           Number(key_, OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"";
  } else {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_, reinterpret_cast<unsigned char*>(raw.data()), &size);
    jwk += R"("kty":"OKP","crv":"Ed25519","x":")" + Base64Url(raw) + "\"";
  }
  return jwk + more + "}";
}

std::string TokenMaker::Sign(const std::string& header, const std::string& claims) const {
  const std::string signed_part = Base64Url(header) + "." + Base64Url(claims);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, algorithm_ == "EdDSA" ? nullptr : EVP_sha256(), nullptr, key_);
  std::string signature(1024, '\0');
  std::size_t size = signature.size();
  const int done = EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                                  reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size());
  EVP_MD_CTX_free(context);
  if (done != 1) throw std::runtime_error("not signed");
  signature.resize(size);
  return signed_part + "." + Base64Url(algorithm_ == "ES256" ? Flat(signature) : signature);
}

std::string TokenMaker::Token(const std::string& kid, const std::string& claims) const {
  const std::string named = kid.empty() ? "" : R"(,"kid":")" + kid + "\"";
  return Sign(R"({"alg":")" + algorithm_ + R"(","typ":"JWT")" + named + "}", claims);
}

std::string TokenMaker::Pem() const {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(out, key_);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  return pem;
}

std::string JwksOf(const std::string& keys) { return R"({"keys":[)" + keys + "]}"; }

std::string Base64Url(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) text += kDigits[bits >> (have - 6) & 63];
  }
  if (have > 0) text += kDigits[bits << (6 - have) & 63];
  return text;
}

std::string SignHs256(const std::string& header, const std::string& claims, const std::string& secret) {
  const std::string signed_part = Base64Url(header) + "." + Base64Url(claims);
  std::vector<unsigned char> mac(32);
  unsigned size = 32;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac.data(), &size);
  return signed_part + "." + Base64Url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

}  // namespace eventstore::security
