#include "server/toml/toml_text.h"

#include <gtest/gtest.h>

#include <string>

namespace eventstore {
namespace {

TEST(TomlText, CommentsAndStringsMayHaveAnyCharacter) {
  for (const char* text : {"a = 'größe'", R"(a = "größe")", "# größe\na = 1 # größe", "'größe' = 1",
                           "\xEF\xBB\xBF"
                           "a = 1",
                           "a = \"\"\"\n\né\\\n  ﭐ\"\"\""}) {
    toml::table table;
    const auto fault = ParseToml(text, table);
    EXPECT_FALSE(fault) << text << ": " << fault->what;
  }
}

// What fuzzing found: each was undefined behaviour in toml++, in files of settings, keys, rules and mappings.
TEST(TomlText, CharactersThatTomlDoesNotKnow) {
  for (const char* text : {"\xEF\xBE\xBE", "\xEF\xBB\xBE", "[\xEF\xBB\xBB=AfiAf", "größe = 5", "\xC2\xA1", "\xD2\x99",
                           "a = 0\"\xCE\x83\"", "t=1e-1)a{\"\xC6\x88", "[=", "[[."}) {
    toml::table table;
    EXPECT_TRUE(ParseToml(text, table)) << text;
  }
}

TEST(TomlText, EveryCharacterIsWhiteSpaceOrNot) {
  int white = 0;
  for (char32_t c = 0x80; c < 0x110000; ++c) white += toml::impl::is_non_ascii_horizontal_whitespace(c) ? 1 : 0;
  EXPECT_EQ(white, 20);
}

TEST(TomlText, SaysTheLineOfWhatIsWrong) {
  toml::table table;
  EXPECT_FALSE(ParseToml("a = 1\n[b]\nc = 'd'", table));
  EXPECT_EQ(table["a"].value_or(0), 1);
  EXPECT_EQ(table["b"]["c"].value_or(std::string()), "d");
  const auto fault = ParseToml("a = 1\nb = ", table);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->line, 2);
  EXPECT_FALSE(fault->what.empty());
}

}  // namespace
}  // namespace eventstore
