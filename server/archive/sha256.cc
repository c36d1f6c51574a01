#include "server/archive/sha256.h"

#include <openssl/evp.h>

#include <new>

namespace eventstore::archive {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
}

Sha256::~Sha256() = default;

void Sha256::Add(std::string_view bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

std::string Sha256::Bytes() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, hash.data(), &size);
  return {reinterpret_cast<const char*>(hash.data()), size};
}

std::string Sha256::Hex() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : Bytes()) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 0x0f];
  }
  return hex;
}

std::string Sha256::Of(std::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Hex();
}

std::string Sha256::BytesOf(std::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Bytes();
}

}  // namespace eventstore::archive
