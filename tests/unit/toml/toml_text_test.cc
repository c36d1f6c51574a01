#include "server/toml/toml_text.h"

#include <gtest/gtest.h>

#include <string>

namespace eventstore {
namespace {

// The line that BeyondAscii complains of; 0: none.
int LineOf(std::string_view text) {
  const auto fault = BeyondAscii(text);
  return fault ? fault->line : 0;
}

TEST(TomlText, CommentsAndStringsOfOneLineMayHaveAnyCharacter) {
  for (const char* text : {"a = 'größe'", R"(a = "größe")", R"(a = "\"größe")", R"(a = "\\" # größe)",
                           "# größe\na = 1 # größe", "a = '' # é", R"(a = "" # é)", "'größe' = 1",
                           "\xEF\xBB\xBF"
                           "a = 1",
                           R"(a = ["é", 'é'])", "a = '\\' # é", "a = '''x''' # é", R"(a = """x"""" # é)",
                           R"(a = """x\"""" # é)", R"(a = """""" # é)", "a = '''\n\"\"\"\n''' # é"}) {
    EXPECT_EQ(LineOf(text), 0) << text;
    toml::table table;
    const auto fault = ParseToml(text, table);
    EXPECT_FALSE(fault) << text << ": " << fault->what;
  }
}

TEST(TomlText, ElsewhereNoneMayStand) {
  EXPECT_EQ(LineOf("größe = 5"), 1);
  EXPECT_EQ(LineOf("a = 1\nb = é"), 2);
  EXPECT_EQ(LineOf("a = 'x' é"), 1);
  EXPECT_EQ(LineOf("a = 'x\né'"), 2);      // a string of one line ends with it
  EXPECT_EQ(LineOf("a = \"x\\\né\""), 2);  // with a backslash before, too
  EXPECT_EQ(LineOf("a = 'x\\' é"), 1);     // which is a character like others between these quotes
  EXPECT_EQ(LineOf("a = 1\n\xEF\xBB\xBF"), 2);
  EXPECT_EQ(LineOf("a = \"\"\"\n\né\"\"\""), 3);
  EXPECT_EQ(LineOf("a = '''\n# é'''"), 2);                // no comment
  EXPECT_EQ(LineOf("a = \"\"\"\n'''\n'''# é\"\"\""), 3);  // other quotes do not end it
  EXPECT_EQ(LineOf("a = \"\"\"\\\"\"\"# é\"\"\""), 1);    // nor does one behind a backslash
}

// What fuzzing found: each was undefined behaviour in toml++ (13 bytes, or fewer, of a file of settings, keys, rules, a mapping).
TEST(TomlText, CharactersThatTomlDoesNotKnow) {
  for (const char* text :
       {"\xEF\xBE\xBE", "\xEF\xBB\xBE", "[\xEF\xBB\xBB=AfiAf", "\xC7\x8A = 1", "\xC2\xA1", "\xD2\x99"}) {
    toml::table table;
    EXPECT_TRUE(ParseToml(text, table)) << text;
  }
}

TEST(TomlText, ParsesAndSaysTheLineOfWhatIsWrong) {
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
