#include "tools/eventbench/load/payload.h"

#include <string_view>

namespace eventstore::eventbench {
namespace {

constexpr std::size_t kTexts = 256;
// Beyond this many bytes altogether fewer texts are kept.
constexpr std::size_t kMemory = 16 << 20;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
constexpr std::string_view kBegin = R"({"text":")";
constexpr std::string_view kEnd = R"("})";

}  // namespace

Payloads::Payloads(int bytes, Random& random) {
  const auto size = static_cast<std::size_t>(bytes);
  const std::size_t frame = kBegin.size() + kEnd.size();
  if (size < frame) {
    texts_.emplace_back("{}");
    return;
  }
  const std::size_t count = std::min(kTexts, std::max<std::size_t>(2, kMemory / size));
  for (std::size_t i = 0; i < count; ++i) {
    std::string text(kBegin);
    while (text.size() < size - kEnd.size()) text += kLetters[random.Next() % kLetters.size()];
    text += kEnd;
    texts_.push_back(std::move(text));
  }
}

}  // namespace eventstore::eventbench
