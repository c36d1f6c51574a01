#include "server/domain/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using ::testing::HasSubstr;

// RFC 3629 spelled out by code points, as a second opinion.
bool DecodesAsUtf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80         ? 1
                               : lead >> 5 == 0x06 ? 2
                               : lead >> 4 == 0x0e ? 3
                               : lead >> 3 == 0x1e ? 4
                                                   : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto tail = static_cast<unsigned char>(text[i + k]);
      if (tail >> 6 != 0x02) return false;
      code = code << 6 | (tail & 0x3fU);
    }
    constexpr std::uint32_t kSmallest[] = {0, 1, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

std::string Encoded(std::uint32_t code) {
  std::string text;
  const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  }
  return text;
}

TEST(IsValidUtf8, TakesEveryCodePointAndNoSurrogate) {
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    const bool allowed = code != 0 && (code < 0xd800 || code > 0xdfff);
    ASSERT_EQ(IsValidUtf8(Encoded(code)), allowed) << std::hex << code;
  }
  EXPECT_FALSE(IsValidUtf8(Encoded(0x110000)));
  EXPECT_TRUE(IsValidUtf8(""));
}

TEST(IsValidUtf8, RefusesEverySequenceOfUpToThreeBytesThatDoesNotDecode) {
  std::string text;
  for (unsigned a = 1; a < 256; ++a) {
    text.assign(1, static_cast<char>(a));
    ASSERT_EQ(IsValidUtf8(text), DecodesAsUtf8(text)) << a;
    for (unsigned b = 1; b < 256; ++b) {
      text.assign({static_cast<char>(a), static_cast<char>(b)});
      ASSERT_EQ(IsValidUtf8(text), DecodesAsUtf8(text)) << a << ' ' << b;
      // Of the last byte only its class matters.
      for (const unsigned c : {0x20U, 0x7fU, 0x80U, 0x8fU, 0x90U, 0x9fU, 0xa0U, 0xbfU, 0xc0U, 0xe0U, 0xf0U, 0xffU}) {
        text.assign({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
        ASSERT_EQ(IsValidUtf8(text), DecodesAsUtf8(text)) << a << ' ' << b << ' ' << c;
      }
    }
  }
}

RC_GTEST_PROP(IsValidUtf8Property, AgreesWithDecodingOnDamagedText, ()) {
  const auto codes = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(1, 0x110000));
  std::string text;
  for (const std::uint32_t code : codes) text += Encoded(code);
  if (!text.empty() && *rc::gen::arbitrary<bool>()) {
    text[*rc::gen::inRange<std::size_t>(0, text.size())] = static_cast<char>(*rc::gen::inRange(1, 256));
  }
  if (*rc::gen::arbitrary<bool>()) text.resize(*rc::gen::inRange<std::size_t>(0, text.size() + 1));
  RC_ASSERT(text.find('\0') == std::string::npos);
  RC_ASSERT(IsValidUtf8(text) == DecodesAsUtf8(text));
}

std::vector<FieldViolation> TextViolations(const std::string& text, std::size_t min, std::size_t max) {
  Violations violations;
  CheckText(violations, "f", "max_f_bytes", text, min, max);
  return FromStatus(violations.ToStatus()).violations;
}

TEST(CheckText, BoundsAreInclusiveAndInBytes) {
  EXPECT_TRUE(TextViolations("", 0, 4).empty());
  EXPECT_TRUE(TextViolations("a", 1, 4).empty());
  EXPECT_TRUE(TextViolations("abcd", 1, 4).empty());
  EXPECT_TRUE(TextViolations("\xf0\x9f\x98\x80", 1, 4).empty());
  EXPECT_EQ(TextViolations("", 1, 4), (std::vector<FieldViolation>{{"f", "is required and must not be empty"}}));
  EXPECT_EQ(TextViolations("a", 2, 4), (std::vector<FieldViolation>{{"f", "is 1 bytes; at least 2 are needed"}}));
  EXPECT_EQ(TextViolations("abcde", 1, 4), (std::vector<FieldViolation>{{"f", "is 5 bytes; the limit is 4"}}));
  EXPECT_EQ(TextViolations("\xc3\xa4\xc3\xa4\xc3\xa4", 1, 4).size(), 1U);
}

TEST(CheckText, RefusesNulAndInvalidUtf8) {
  EXPECT_EQ(TextViolations(std::string("a\0b", 3), 0, 9),
            (std::vector<FieldViolation>{{"f", "holds a NUL byte at byte 1, which PostgreSQL cannot store"}}));
  EXPECT_EQ(TextViolations("\xff", 0, 9), (std::vector<FieldViolation>{{"f", "is not valid UTF-8"}}));
}

TEST(Violations, NoneIsOk) { EXPECT_TRUE(Violations().ToStatus().ok()); }

TEST(Violations, OnlyLimitsMakeLimitExceeded) {
  Violations violations;
  violations.AddLimit("a", "max_a_bytes", 3, 2);
  violations.AddLimit("b", "max_b_bytes", 5, 4);
  EXPECT_EQ(FromStatus(violations.ToStatus()).reason, Reason::kLimitExceeded);
  // The metadata are those of the first.
  EXPECT_EQ(MetadataOf(FromStatus(violations.ToStatus()), "limit"), "max_a_bytes");
  EXPECT_EQ(FromStatus(violations.ToStatus()).metadata.size(), 4U);
  violations.Add("c", "is wrong");
  const Error error = FromStatus(violations.ToStatus());
  EXPECT_EQ(error.reason, Reason::kInvalidRequest);
  EXPECT_EQ(FieldsOf(violations.ToStatus()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_THAT(error.message, HasSubstr("a is 3 bytes; the limit is 2; b is 5 bytes; the limit is 4; c is wrong"));
}

TEST(Violations, ReportsTwentyAndCountsTheRest) {
  Violations violations;
  for (int i = 0; i < 20; ++i) violations.Add("f" + std::to_string(i), "is wrong");
  EXPECT_EQ(FieldsOf(violations.ToStatus()).size(), 20U);
  EXPECT_THAT(std::string(violations.ToStatus().message()), ::testing::Not(HasSubstr("more")));
  violations.Add("f20", "is wrong");
  violations.AddLimit("f21", "max_f_bytes", 2, 1);
  EXPECT_EQ(FieldsOf(violations.ToStatus()).size(), 20U);
  EXPECT_EQ(FieldsOf(violations.ToStatus()).back(), "f19");
  EXPECT_THAT(std::string(violations.ToStatus().message()), HasSubstr("and 2 more"));
}

TEST(AddBadUuid, TellsMissingFromMalformedAndRepeatsNoInput) {
  Violations violations;
  AddBadUuid(violations, "a", "");
  AddBadUuid(violations, "b", "\xff<script>");
  const Error error = FromStatus(violations.ToStatus());
  EXPECT_THAT(error.violations.at(0).description, HasSubstr("is required"));
  EXPECT_THAT(error.violations.at(1).description, HasSubstr("is not a UUID"));
  EXPECT_THAT(error.message, ::testing::Not(HasSubstr("script")));
}

}  // namespace
}  // namespace eventstore::domain
