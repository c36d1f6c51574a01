#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tools/eventbench/options/flags.h"
#include "tools/eventbench/options/mix.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {
namespace {

using testing::HasSubstr;

TEST(MixTest, NamesAndWeights) {
  const auto mix = Mix::Parse("append=80,replay=20");
  ASSERT_TRUE(mix.ok());
  EXPECT_TRUE(mix->Has(Kind::kAppend));
  EXPECT_TRUE(mix->Has(Kind::kReplay));
  EXPECT_FALSE(mix->Has(Kind::kTail));
  EXPECT_TRUE(mix->HasWrites());
  EXPECT_TRUE(mix->HasReads());
  EXPECT_EQ(mix->Text(), "append=80,replay=20");
}

TEST(MixTest, ChoosesByWeight) {
  const auto mix = Mix::Parse("append=3,tail");
  ASSERT_TRUE(mix.ok());
  std::array<int, kKinds> counts{};
  for (std::uint64_t i = 0; i < 400; ++i) ++counts.at(IndexOf(mix->Pick(i)));
  EXPECT_EQ(counts.at(IndexOf(Kind::kAppend)), 300);
  EXPECT_EQ(counts.at(IndexOf(Kind::kTail)), 100);
}

TEST(MixTest, EveryNameIsUnderstood) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(KindNamed(NameOf(kind)), kind);
    EXPECT_TRUE(Mix::Parse(NameOf(kind)).ok());
  }
}

TEST(MixTest, WhatIsWrongIsNamed) {
  const auto message = [](const char* text) { return std::string(Mix::Parse(text).status().message()); };
  EXPECT_THAT(message(""), HasSubstr("none of append"));
  EXPECT_THAT(message("append,write"), HasSubstr("\"write\""));
  EXPECT_THAT(message("append=0"), HasSubstr("\"0\""));
  EXPECT_THAT(message("append=-1"), HasSubstr("\"-1\""));
  EXPECT_THAT(message("append=1x"), HasSubstr("\"1x\""));
  EXPECT_THAT(message("append=1,append=2"), HasSubstr("twice"));
}

// What the parser made of a command line; throws what the program reports.
Options Parsed(const std::string& line) {
  Options options;
  OutputFlags output;
  CLI::App app;
  AddFlags(app, options, output);
  app.parse(line);
  return options;
}

TEST(FlagsTest, ValuesArrive) {
  const Options options = Parsed(
      "--mix stream=1 --rate 500 --in-flight 32 --distribution zipf --check exact --batch-as events --payload 1000 "
      "--aggregate 0193b2c0-1234-7abc-9def-00112233aaff --verify");
  EXPECT_TRUE(options.mix.Has(Kind::kStream));
  EXPECT_EQ(options.rate, 500);
  EXPECT_EQ(options.in_flight, 32);
  EXPECT_EQ(options.distribution, Distribution::kZipf);
  EXPECT_TRUE(options.exact);
  EXPECT_TRUE(options.batch_as_events);
  EXPECT_EQ(options.payload, 1'000);
  EXPECT_EQ(options.given_aggregates.size(), 1U);
  EXPECT_TRUE(options.verify);
}

TEST(FlagsTest, BadValuesAreRefused) {
  for (const char* line :
       {"--mix nothing", "--distribution even", "--check perhaps", "--batch-as things", "--in-flight 0", "--seconds 0",
        "--rate -1", "--aggregate 7", "--aggregates-from /no/such"}) {
    EXPECT_THROW(Parsed(line), CLI::ParseError) << line;
  }
}

Options Default() {
  Options options;
  options.mix = Mix::Parse("append").value();
  return options;
}

TEST(OptionsTest, TheDefaultIsFine) { EXPECT_TRUE(Check(Default()).ok()); }

TEST(OptionsTest, CombinationsThatCannotWorkAreRefused) {
  Options large_batch = Default();
  large_batch.mix = Mix::Parse("batch").value();
  large_batch.batch_size = 1'001;
  EXPECT_FALSE(Check(large_batch).ok());
  large_batch.batch_as_events = true;
  EXPECT_TRUE(Check(large_batch).ok());

  Options filled = Default();
  filled.fill = 10;
  filled.distribution = Distribution::kDistinct;
  EXPECT_FALSE(Check(filled).ok());

  Options reading = Default();
  reading.mix = Mix::Parse("replay").value();
  reading.verify = true;
  EXPECT_FALSE(Check(reading).ok());
  reading.fill = 10;
  EXPECT_TRUE(Check(reading).ok());
}

}  // namespace
}  // namespace eventstore::eventbench
