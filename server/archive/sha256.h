// SHA-256 of bytes that come in pieces.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace eventstore::archive {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::string_view bytes);
  // 32 bytes; nothing may be added afterwards.
  std::string Bytes();
  // 64 lower-case digits; nothing may be added afterwards.
  std::string Hex();

  static std::string Of(std::string_view bytes);       // hexadecimal
  static std::string BytesOf(std::string_view bytes);  // 32 bytes

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eventstore::archive
