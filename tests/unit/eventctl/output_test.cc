// What people see: tables, bars, trees, progress.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/table.h"
#include "tools/eventctl/output/terminal.h"
#include "tools/eventctl/output/tree.h"

namespace eventstore::eventctl {
namespace {

using testing::HasSubstr;

constexpr Terminal kPipe{};
constexpr Terminal kNarrow{.is_terminal = true, .colour = false, .utf8 = true, .columns = 30};

TEST(TextTest, WidthCountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("äöü"), 3);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);  // e and a combining accent
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("🎉"), 2);
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2);  // two replacement characters
}

TEST(TextTest, TruncationSaysSo) {
  EXPECT_EQ(Truncate("abcdef", 6, true), "abcdef");
  EXPECT_EQ(Truncate("abcdefg", 6, true), "abcde…");
  EXPECT_EQ(Truncate("abcdefg", 6, false), "abcd..");
  EXPECT_EQ(Truncate("日本語", 5, true), "日本…");
  EXPECT_EQ(Truncate("日本語", 4, true), "日…");
  EXPECT_EQ(Truncate("abc", 0, true), "");
}

TEST(TextTest, StoredTextCannotControlTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\r\n\tc"),
            "a\xEF\xBF\xBD[31mb\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
            "c");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "\xEF\xBF\xBD"
            "31m");  // CSI as one character
  // NOLINTNEXTLINE(misc-misleading-bidirectional): it is what must not be printed
  EXPECT_EQ(Printable("\xE2\x80\xAE"), "\xEF\xBF\xBD");  // right-to-left override
  EXPECT_EQ(Printable("日本 ä"), "日本 ä");
}

TEST(StyleTest, ColoursOnlyWhereWanted) {
  EXPECT_EQ(Style(false).Red("x"), "x");
  EXPECT_EQ(Style(true).Red("x"), "\x1b[31mx\x1b[0m");
}

TEST(TableTest, ColumnsAreAligned) {
  std::ostringstream out;
  Table table(out, kPipe, {{.heading = "N", .right = true}, {.heading = "NAME"}, {.heading = "DATA"}});
  table.Row({"1", "first", "{}"});
  table.Row({"1000", "ä", "{\"a\": 1}"});
  table.Flush();
  EXPECT_EQ(out.str(),
            "   N  NAME   DATA\n"
            "   1  first  {}\n"
            "1000  ä      {\"a\": 1}\n");
}

TEST(TableTest, OnATerminalLinesFit) {
  std::ostringstream out;
  Table table(out, kNarrow, {{.heading = "NAME", .max_width = 8}, {.heading = "DATA"}});
  table.Row({"a-long-name-that-is-cut", std::string(100, 'x')});
  table.Flush();
  EXPECT_EQ(out.str(), "NAME      DATA\na-long-…  xxxxxxxxxxxxxxxxxxx…\n");
}

TEST(TableTest, InAPipeNothingIsCut) {
  std::ostringstream out;
  Table table(out, kPipe, {{.heading = "NAME", .max_width = 8}, {.heading = "DATA"}});
  table.Row({"a-long-name-that-is-cut", std::string(100, 'x')});
  table.Flush();
  EXPECT_THAT(out.str(), HasSubstr("a-long-name-that-is-cut  " + std::string(100, 'x') + "\n"));
}

TEST(TableTest, RowsComeBeforeTheEnd) {
  std::ostringstream out;
  Table table(out, kPipe, {{.heading = "N"}});
  for (int i = 0; i < 100; ++i) table.Row({"x"});
  const auto after_100 = out.str().size();
  EXPECT_GT(after_100, 200U);
  table.Row({"y"});
  EXPECT_EQ(out.str().size(), after_100 + 2);
}

TEST(TableTest, NoRowsNoHeading) {
  std::ostringstream out;
  Table(out, kPipe, {{.heading = "N"}}).Flush();
  EXPECT_EQ(out.str(), "");
}

TEST(Spark, NothingIsTheLowestAndAloneThere) {
  EXPECT_EQ(Spark({0, 1, 1'000, 500}, true), "▁▂█▅");
  EXPECT_EQ(Spark({0, 1, 1'000}, false), "_.#");
  EXPECT_EQ(Spark({0, 0}, true), "▁▁");
  EXPECT_EQ(Spark({}, true), "");
}

TEST(BarsTest, LengthFollowsTheValue) {
  EXPECT_EQ(Bar(10, 10, 4, false), "####");
  EXPECT_EQ(Bar(5, 10, 4, false), "##");
  EXPECT_EQ(Bar(1, 1'000'000, 4, false), "#");
  EXPECT_EQ(Bar(0, 10, 4, false), "");
  EXPECT_EQ(Bar(10, 10, 4, true), "████");
  EXPECT_EQ(Bar(5, 16, 2, true), "▋");
  EXPECT_EQ(Bar(9, 16, 2, true), "█▏");
  EXPECT_EQ(Bar(1, 1'000'000, 4, true), "▏");
}

TEST(BarsTest, GroupsWithCountsAndShares) {
  std::ostringstream out;
  PrintBars(out, {.utf8 = false}, {{"file.changed", 44'003}, {"file.added", 8'229}, {"file.removed", 5'219}});
  EXPECT_THAT(out.str(), HasSubstr("file.changed  44,003   76.6 %  ####"));
  EXPECT_THAT(out.str(), HasSubstr("file.added     8,229   14.3 %  ####"));
  EXPECT_THAT(out.str(), HasSubstr("file.removed   5,219    9.1 %  ####"));
}

TEST(BarsTest, Thousands) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(57'451), "57,451");
  EXPECT_EQ(WithThousands(-1'234'567), "-1,234,567");
}

std::string Drawn(const std::vector<TreeNode>& nodes) {
  std::string text;
  for (const auto& line : LayOutTree(nodes, true)) {
    text += line.branch + nodes[line.node].id + (line.outside_cause ? " (outside)\n" : "\n");
  }
  return text;
}

TEST(TreeTest, EffectsHangBelowCauses) {
  EXPECT_EQ(Drawn({{"a", "", ""}, {"b", "a", ""}, {"c", "a", ""}, {"d", "b", ""}, {"e", "b", ""}, {"f", "", ""}}),
            "a\n"
            "├─ b\n"
            "│  ├─ d\n"
            "│  └─ e\n"
            "└─ c\n"
            "f\n");
}

TEST(TreeTest, CausesFromElsewhere) { EXPECT_EQ(Drawn({{"a", "zzz", ""}, {"b", "a", ""}}), "a (outside)\n└─ b\n"); }

TEST(TreeTest, AnEffectBeforeItsCause) { EXPECT_EQ(Drawn({{"b", "a", ""}, {"a", "", ""}}), "a\n└─ b\n"); }

TEST(TreeTest, CirclesAreCut) { EXPECT_EQ(Drawn({{"a", "b", ""}, {"b", "a", ""}, {"c", "c", ""}}), "a\n└─ b\nc\n"); }

TEST(TreeTest, ALongChainStaysNarrow) {
  std::vector<TreeNode> nodes;
  for (int i = 0; i < 5'000; ++i) nodes.push_back({std::to_string(i), i > 0 ? std::to_string(i - 1) : "", ""});
  const auto lines = LayOutTree(nodes, false);
  ASSERT_EQ(lines.size(), 5'000U);
  EXPECT_EQ(lines.back().node, 4'999U);
  EXPECT_LE(lines.back().branch.size(), 80U);
}

TEST(ProgressTest, Text) {
  EXPECT_EQ(ProgressText(0.5, "half", 80, false), "[############            ]  50 %  half");
  EXPECT_EQ(ProgressText(2, "much", 80, false), "[########################] 100 %  much");
  EXPECT_EQ(ProgressText(-1, "unknown", 80, false), "unknown");
  EXPECT_EQ(DisplayWidth(ProgressText(0.123, std::string(200, 'x'), 60, true)), 60);
}

TEST(ProgressTest, Durations) {
  EXPECT_EQ(FormatDuration(std::chrono::seconds(5)), "0:05");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(65)), "1:05");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(7'205)), "2:00:05");
}

}  // namespace
}  // namespace eventstore::eventctl
