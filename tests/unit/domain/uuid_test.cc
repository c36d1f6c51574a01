#include "server/domain/uuid.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cctype>
#include <unordered_set>

#include "server/domain/lane.h"

namespace eventstore::domain {
namespace {

constexpr char kText[] = "00112233-4455-6677-8899-aabbccddeeff";

TEST(Uuid, BytesAreInTheOrderOfTheText) {
  const auto id = Uuid::Parse(kText);
  ASSERT_TRUE(id);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(id->bytes[i], 0x11 * i);
}

TEST(Uuid, RefusesEveryOtherForm) {
  for (const char* text : {"", "0", "00112233445566778899aabbccddeeff", "{00112233-4455-6677-8899-aabbccddeeff}",
                           "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
                           " 00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef ",
                           "00112233-4455-6677-8899-aabbccddeefg", "0011223-34455-6677-8899-aabbccddeeff",
                           "00112233-4455-6677-88990aabbccddeeff", "00112233_4455_6677_8899_aabbccddeeff",
                           "-0112233-4455-6677-8899-aabbccddeeff", "0x112233-4455-6677-8899-aabbccddeeff",
                           "urn:uuid:00112233-4455-6677-8899-aabb"}) {
    EXPECT_FALSE(Uuid::Parse(text)) << text;
  }
  EXPECT_FALSE(Uuid::Parse(std::string_view("00112233-4455-6677-8899-aabbccddee\0f", 36)));
}

RC_GTEST_PROP(UuidProperty, TextRoundTrips, (const std::array<std::uint8_t, 16>& bytes)) {
  const Uuid id{bytes};
  RC_ASSERT(id.ToString().size() == 36U);
  RC_ASSERT(Uuid::Parse(id.ToString()) == id);
}

RC_GTEST_PROP(UuidProperty, UpperCaseIsTheSameId, (const std::array<std::uint8_t, 16>& bytes)) {
  std::string text = Uuid{bytes}.ToString();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto id = Uuid::Parse(text);
  RC_ASSERT(id == Uuid{bytes});
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  RC_ASSERT(id->ToString() == lower);
}

RC_GTEST_PROP(UuidProperty, ParsedTextIsTheTextOfTheId, ()) {
  // Most texts are near a valid one: one byte of it replaced.
  std::string text = kText;
  text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  const auto id = Uuid::Parse(text);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  RC_ASSERT(!id || id->ToString() == text);
}

RC_GTEST_PROP(UuidProperty, OrderIsThatOfTheText,
              (const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b)) {
  RC_ASSERT((Uuid{a} < Uuid{b}) == (Uuid{a}.ToString() < Uuid{b}.ToString()));
}

RC_GTEST_PROP(UuidProperty, V7HoldsTimeVersionVariantAndRandomBits, (std::uint64_t a, std::uint64_t b)) {
  const std::int64_t ms = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 48);
  const Uuid id = Uuid::MakeV7(ms, a, b);
  std::int64_t read_ms = 0;
  for (std::size_t i = 0; i < 6; ++i) read_ms = read_ms << 8 | id.bytes[i];
  RC_ASSERT(read_ms == ms);
  RC_ASSERT((id.bytes[6] >> 4) == 7);
  RC_ASSERT((id.bytes[8] >> 6) == 2);
  const std::uint64_t read_a = (id.bytes[6] & 0x0fU) << 8 | id.bytes[7];
  std::uint64_t read_b = id.bytes[8] & 0x3fU;
  for (std::size_t i = 9; i < 16; ++i) read_b = read_b << 8 | id.bytes[i];
  RC_ASSERT(read_a == (a & 0xfff));
  RC_ASSERT(read_b == (b & ((std::uint64_t{1} << 62) - 1)));
}

TEST(UuidHash, SpreadsIdsThatDifferLittle) {
  std::unordered_set<Uuid, UuidHash> ids;
  for (std::uint64_t n = 0; n < 10'000; ++n) ids.insert(Uuid::MakeV7(1, 0, n));
  std::size_t fullest = 0;
  for (std::size_t bucket = 0; bucket < ids.bucket_count(); ++bucket) {
    fullest = std::max(fullest, ids.bucket_size(bucket));
  }
  // 7 or 8 when ids fall at random; hundreds when a part of the id is left out.
  EXPECT_LT(fullest, 20U);
}

TEST(Lane, StaysWhatItIsForEver) {
  // Servers of different versions share the locks: these numbers may never change.
  EXPECT_EQ(LaneOf(*Uuid::Parse("00000000-0000-0000-0000-000000000000"), 16), 12);
  EXPECT_EQ(LaneOf(*Uuid::Parse(kText), 16), 15);
  EXPECT_EQ(LaneOf(*Uuid::Parse("ffffffff-ffff-ffff-ffff-ffffffffffff"), 1024), 349);
}

RC_GTEST_PROP(LaneProperty, IsOneOfTheLanes, (const std::array<std::uint8_t, 16>& bytes)) {
  const int lanes = *rc::gen::inRange(1, 5000);
  const int lane = LaneOf(Uuid{bytes}, lanes);
  RC_ASSERT(lane >= 0);
  RC_ASSERT(lane < lanes);
}

}  // namespace
}  // namespace eventstore::domain
