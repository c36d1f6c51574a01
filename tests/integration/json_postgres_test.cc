// The claim of server/domain/json_object.h, put to PostgreSQL: what is accepted can be cast to jsonb and prints in no
// more bytes than foretold; what is refused cannot be cast either, but for the limits we set ourselves.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/json_object.h"
#include "server/storage/pq_compat.h"
#include "server/storage/sql_text.h"
#include "tests/support/test_database.h"
#include "tests/unit/domain/json_text.h"

namespace eventstore {
namespace {

constexpr std::size_t kTextsPerQuery = 50;

// Takes bytes, since not all that is refused is text. NULL: PostgreSQL refuses it too.
constexpr char kPrintedBytes[] = R"(
  CREATE FUNCTION printed_bytes(hex text) RETURNS bigint LANGUAGE plpgsql AS $$
  BEGIN
    RETURN octet_length(convert_from(decode(hex, 'hex'), 'UTF8')::jsonb::text);
  EXCEPTION WHEN data_exception THEN
    RETURN NULL;
  END $$)";

std::string Hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 0x0f]);
  }
  return hex;
}

bool IsOwnLimit(std::string_view refusal) {
  constexpr std::array<std::string_view, 4> kOwnLimits = {"not an object", "deeper than", "no double can hold",
                                                          "an exponent outside"};
  return std::ranges::any_of(kOwnLimits,
                             [&](std::string_view limit) { return refusal.find(limit) != std::string_view::npos; });
}

class JsonPostgres : public ::testing::Test {
 protected:
  JsonPostgres() : connection_(database_.conninfo()) { database_.Execute(kPrintedBytes); }

  // What of the claim does not hold for one of the texts; empty: all of it does.
  std::string Problem(const std::vector<std::string>& texts) {
    std::vector<std::string> all;
    for (const std::string& text : texts) all.push_back(Hex(text));  // of an empty text: ""
    pqxx::nontransaction query(connection_);
    const pqxx::result rows = storage::pq::ExecParams(
        query, "SELECT printed_bytes(hex) FROM unnest($1::text[]) WITH ORDINALITY AS t(hex, n) ORDER BY n",
        {storage::TextArray(all)});
    if (static_cast<std::size_t>(rows.size()) != texts.size()) return "not one answer for each text";
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto printed = rows[static_cast<pqxx::result::size_type>(i)][0];
      const std::string problem = ProblemOfOne(texts[i], printed.is_null() ? "" : printed.c_str());
      if (!problem.empty()) return problem + ": " + Hex(texts[i]);
    }
    return "";
  }

 private:
  // `printed`: the bytes PostgreSQL prints; empty: it refused the text.
  static std::string ProblemOfOne(const std::string& text, const std::string& printed) {
    const auto facts = domain::InspectJsonObject(text);
    if (facts.ok() && printed.empty()) return "accepted, but PostgreSQL refuses it";
    if (facts.ok()) return std::stoull(printed) <= facts->normal_bytes ? "" : "longer than foretold";
    const std::string refusal(facts.status().message());
    return printed.empty() || IsOwnLimit(refusal) ? "" : "PostgreSQL takes it, but it " + refusal;
  }

  testing::TestDatabase database_{testing::TestDatabase::Content::kEmpty};
  pqxx::connection connection_;
};

TEST_F(JsonPostgres, AgreesOnDamagedText) {
  EXPECT_TRUE(rc::check("what one takes the other takes", [this] {
    std::vector<std::string> texts;
    while (texts.size() < kTextsPerQuery) texts.push_back(domain::RandomJsonLikeText());
    const std::string problem = Problem(texts);
    RC_LOG() << problem;
    RC_ASSERT(problem.empty());
  }));
}

TEST_F(JsonPostgres, ForetellsExactlyWhatIsPrintedWithoutRepeatedKeys) {
  EXPECT_TRUE(rc::check("the spelling foretold is the one printed", [this] {
    const domain::JsonSpelling json = domain::RandomJsonObject(3);
    const std::string problem = Problem({json.sent, json.printed});
    RC_LOG() << problem;
    RC_ASSERT(problem.empty());
    RC_ASSERT(domain::InspectJsonObject(json.sent)->normal_bytes == json.printed.size());
  }));
}

TEST_F(JsonPostgres, AgreesAtTheEdges) {
  const auto number = [](const std::string& text) { return "{\"a\":" + text + "}"; };
  const auto zeros = [](std::size_t count) { return std::string(count, '0'); };
  std::vector<std::string> texts = {number("1e308"),
                                    number("-1e308"),
                                    number("1e309"),
                                    number("1e-308"),
                                    number("1e-309"),
                                    number("0e308"),
                                    number("0e-308"),
                                    number("-0"),
                                    number("-0.0"),
                                    number("1.7976931348623157e308"),
                                    number("0." + zeros(16'383)),
                                    number("0." + zeros(16'384)),
                                    number("0." + zeros(16'382) + "1"),
                                    number("0." + zeros(16'383) + "1"),
                                    number("0." + zeros(16'074) + "1e-308"),
                                    number("0." + zeros(16'075) + "1e-308"),
                                    number("9" + zeros(307)),
                                    number("9" + zeros(308)),
                                    number("9" + zeros(400)),
                                    number("1" + zeros(300) + "e-300"),
                                    R"({"a":"\u0000"})",
                                    R"({"a":"\udc00"})",
                                    R"({"a":"\ud800"})",
                                    R"({"a":"\ud7ff\ue000"})",
                                    "{\"a\":\"\x7f\xf4\x8f\xbf\xbf\"}",
                                    "{\"a\":\"\xf4\x90\x80\x80\"}",
                                    R"({"a":1,"a":2})",
                                    R"({"":{"":""}})",
                                    "\xef\xbb\xbf{}",
                                    std::string("{}\0", 3),
                                    "{}\xc2\xa0",
                                    ""};
  for (const int depth : {99, 100, 101, 500}) {
    std::string open;
    for (int i = 1; i < depth; ++i) open += "{\"a\":";
    texts.push_back(open + "{}" + std::string(static_cast<std::size_t>(depth - 1), '}'));
  }
  // One by one, so that each that fails is named.
  for (const std::string& text : texts) EXPECT_EQ(Problem({text}), "");
}

}  // namespace
}  // namespace eventstore
