// A row of the legacy table is the same event, whether a migration copied it or dual write brought it.
#include <fstream>

#include "gmock/gmock.h"
#include "server/storage/import/import_runs.h"
#include "tests/integration/legacy/legacy_fixture.h"
#include "tests/support/temp_dir.h"
#include "tools/eventctl/moving/mover.h"
#include "tools/eventctl/moving/source_flags.h"

namespace eventstore::moving {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

// Every kind of row: an entity that is a UUID, under each of its names, one that is none, one that is a number, none at
// all; text that JSON escapes; numbers of many digits; no user; an empty one; times that run backwards.
constexpr char kRows[] = R"sql(
INSERT INTO events (id, timestamp, type, data, user_id)
SELECT md5('row ' || n)::uuid, '2020-02-02'::timestamptz + n * interval '1 hour' - (n % 3) * interval '5 hours',
       (ARRAY['order.placed', 'user.seen', 'x'])[1 + n % 3], d::jsonb, (ARRAY['ann', NULL, '', 'é"\'])[1 + n % 4]
FROM (SELECT row_number() OVER () AS n, d FROM (VALUES
    ('{"entityId": "11111111-2222-4333-8444-555555555555", "x": 1.50}'),
    ('{"entity_id": "11111111-2222-4333-8444-555555555555"}'),
    ('{"aggregateId": "11111111-2222-4333-8444-555555555555", "entityId": null}'),
    ('{"entityId": "A-1", "deep": {"a": [1, 2, {"b": "\"}"}]}}'),
    ('{"entityId": "A-1", "big": 123456789012345678901234567890.123456789}'),
    ('{"entityId": 17}'), ('{"entityId": 17.0}'), ('{"entityId": ""}'),
    ('{"entityId": "\u00e9\n\t\\"}'), ('{}'), ('{"n": 1}'), ('[]'), ('"text"'), ('null'), (NULL)) v (d)) rows
)sql";

// All that is stored but the position, and which batch of which run it came with.
constexpr char kStored[] = R"sql(
SELECT coalesce(string_agg(concat_ws('|', id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data,
                                     metadata - 'batch' - 'run', (SELECT string_agg(k, ',' ORDER BY k)
                                                                  FROM jsonb_object_keys(metadata) k),
                                     version, causation_id, correlation_id, source), E'\n' ORDER BY id), '')
FROM events_v2
)sql";

class Copier {
 public:
  explicit Copier(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  eventctl::MoveReport Run(const eventctl::SourceFlags& flags, domain::TimeMicros chunk_interval = 0) {
    auto source = eventctl::OpenSource(flags, conninfo_, std::nullopt);
    EXPECT_THAT(source, IsOk());
    if (!source.ok()) return {};
    storage::Session session(conninfo_, "book");
    EXPECT_THAT(session.EnsureConnected(), IsOk());
    storage::ImportRuns book(session);
    auto run = book.Begin(source->name, 2, true, testing::Id(++runs_));
    EXPECT_THAT(run, IsOk());
    if (!run.ok()) return {};
    eventctl::Mover mover(conninfo_, *source->source, *source->mapper, {.chunk_interval = chunk_interval}, *run);
    EXPECT_THAT(mover.Run([](const eventctl::MoveRemark&) {}, [](const eventctl::MoveReport&) {}, [] { return false; }),
                IsOk());
    return mover.report();
  }

 private:
  const std::string conninfo_;
  std::uint64_t runs_ = 0;
};

class BothWaysTest : public LegacyTest {
 protected:
  void Link(const std::string& mapping_text = "", const std::string& table = "public.events",
            const std::string& aggregate_type = "") {
    auto mapping = eventctl::ParseMapping(mapping_text, "test");
    ASSERT_THAT(mapping, IsOk());
    auto link = eventctl::LinkOf(*mapping);
    ASSERT_THAT(link, IsOk());
    link->schema = "public";
    link->table = link->original_table = "events";
    link->mapping = mapping_text;
    link->mapped_table = eventctl::TableName(table);
    link->aggregate_type = aggregate_type;
    ASSERT_THAT(InstallLink(session_, *link, "tester", Patience()), IsOk());
  }

  void NoteAll() { database_.Execute("INSERT INTO legacy_outbox (payload) SELECT to_jsonb(e) FROM events e"); }

  // What is stored, and nothing afterwards.
  std::string TakeStored() {
    std::string stored = Text(kStored);
    ExpectCleanStore();
    database_.Execute("DELETE FROM events_v2; DELETE FROM aggregate_heads; DELETE FROM import_clamped");
    return stored;
  }

  Copier copier_{database_.conninfo()};
};

TEST_F(BothWaysTest, ARowIsTheSameEvent) {
  Link();
  database_.Execute("ALTER TABLE events ALTER data DROP NOT NULL");
  database_.Execute(kRows);
  const ForwardStep forwarded = ForwardAll();
  EXPECT_EQ(forwarded.taken, 13);
  EXPECT_EQ(forwarded.refused, 2);
  const std::string one_way = TakeStored();
  eventctl::SourceFlags flags;
  const auto copied = copier_.Run(flags);
  EXPECT_EQ(copied.counts.written, 13);
  EXPECT_EQ(copied.counts.skipped, 2);
  EXPECT_EQ(TakeStored(), one_way);
  EXPECT_THAT(one_way, HasSubstr("|batch,legacy_id,legacy_table,run|"));
}

TEST_F(BothWaysTest, WithAMappingToo) {
  database_.Execute(
      "DROP TABLE events; CREATE TABLE events (no uuid PRIMARY KEY, made timestamp, what text, body json, who integer, "
      "trace text, cause text, origin text, head jsonb)");
  constexpr char kMapping[] = R"(
table = "orders"
[fields]
id = "no"
timestamp = "made"
event_type = "what"
data = "body"
user_id = "who"
aggregate_id = ["body.order.id", "body.order_id"]
correlation_id = "trace"
causation_id = "cause"
source = "origin"
metadata = "head"
[aggregate_types]
default = "thing"
by_prefix = { "order." = "order" }
)";
  Link(kMapping);
  database_.Execute(R"sql(
INSERT INTO events VALUES
    (md5('1')::uuid, '2021-01-01 10:00', 'order.placed', '{"order": {"id": "A-1"}, "n": 1.0}', 7, 'trace 1', NULL, 'sync', '{"h": 1}'),
    (md5('2')::uuid, '2021-01-01 09:00', 'order.paid', '{"order_id": "A-1"}', NULL, 'trace 1', md5('1'), 'sync', '{}'),
    (md5('3')::uuid, '2021-01-01 11:00', 'seen', '{}', 8, NULL, 'older', 'api', NULL),
    (md5('4')::uuid, '2021-01-01 11:00', 'seen', '{}', 8, NULL, 'older', NULL, '[]')
)sql");
  EXPECT_EQ(ForwardAll().taken, 3);
  const std::string one_way = TakeStored();
  testing::TempDir folder;
  eventctl::SourceFlags flags;
  flags.mapping = folder.path() + "/map.toml";
  std::ofstream(flags.mapping) << kMapping;
  EXPECT_EQ(copier_.Run(flags).counts.written, 3);
  EXPECT_EQ(TakeStored(), one_way);
  EXPECT_THAT(one_way, HasSubstr("\"legacy_table\": \"orders\""));
  EXPECT_THAT(one_way, HasSubstr("|order|order.placed|7|"));
}

TEST_F(BothWaysTest, OneTypeOfAggregateForAllAndTheNameOfTheTableAsItIsWritten) {
  Link("", "public.events", "legacy");
  database_.Execute("ALTER TABLE events ALTER data DROP NOT NULL");
  database_.Execute(kRows);
  ForwardAll();
  const std::string one_way = TakeStored();
  for (const char* table : {"public.events", "events"}) {
    eventctl::SourceFlags flags;
    flags.table = table;
    flags.aggregate_type = "legacy";
    copier_.Run(flags);
    EXPECT_EQ(one_way, TakeStored()) << table;
  }
}

TEST_F(BothWaysTest, WhatComesBothWaysIsStoredOnceWhicheverIsFirst) {
  Link();
  database_.Execute("ALTER TABLE events ALTER data DROP NOT NULL");
  database_.Execute(kRows);
  EXPECT_EQ(copier_.Run({}).counts.written, 13);
  const std::string stored = Text(kStored);
  ForwardStep forwarded = ForwardAll();
  EXPECT_EQ(forwarded.taken, 13);
  EXPECT_EQ(forwarded.already_there, 13);
  EXPECT_EQ(Text(kStored), stored);
  const auto again = copier_.Run({});
  EXPECT_EQ(again.counts.written, 0);
  EXPECT_EQ(again.counts.already_there, 13);

  TakeStored();
  NoteAll();
  forwarded = ForwardAll();
  EXPECT_EQ(forwarded.taken, 13);
  EXPECT_EQ(forwarded.already_there, 0);
  EXPECT_EQ(Text(kStored), stored);
  EXPECT_EQ(copier_.Run({}).counts.already_there, 13);
  EXPECT_EQ(Text(kStored), stored);
  ExpectCleanStore();
}

TEST_F(BothWaysTest, WhatTheStoreMirroredIsCopiedByNoMigration) {
  Link();
  ASSERT_THAT(RemoveLink(session_, "tester", Patience()), IsOk());
  Install(LegacyDirection::kBoth);
  testing::Instance store(database_.conninfo());
  ASSERT_THAT(store.Append(testing::One(testing::Id(1), domain::VersionCheck::Any(), {testing::Event(1)})), IsOk());
  ASSERT_EQ(Count("events"), 1);
  database_.Execute("ALTER TABLE events DISABLE TRIGGER ALL; ALTER TABLE events ALTER data DROP NOT NULL");
  database_.Execute(kRows);
  // With chunks made for the past.
  const auto copied = copier_.Run({}, 30 * domain::kMicrosPerDay);
  EXPECT_EQ(copied.counts.already_there, 1);
  EXPECT_EQ(copied.counts.written, 13);
  EXPECT_EQ(Count("events_v2"), 14);
  EXPECT_EQ(Count("events"), 16);
  EXPECT_EQ(Count("legacy_failed"), 0);
}

TEST(LinkRule, ColumnsAreThoseOfTheMapping) {
  auto mapping = eventctl::ParseMapping(
      "[fields]\nid = \"no\"\ndata = \"body\"\naggregate_id = [\"order_no\", \"body.order\"]\nuser_id = \"body.by\"\n",
      "test");
  ASSERT_THAT(mapping, IsOk());
  auto link = eventctl::LinkOf(*mapping);
  ASSERT_THAT(link, IsOk());
  EXPECT_EQ(link->id_column, "no");
  EXPECT_EQ(link->time_column, "timestamp");
  EXPECT_EQ(link->data_column, "body");
  EXPECT_EQ(link->aggregate_column, "order_no");
  EXPECT_TRUE(link->aggregate_path.empty());
  EXPECT_EQ(link->user_column, "");
  EXPECT_EQ(link->correlation_column, "correlation_id");
  EXPECT_THAT(link->may_be_missing, ::testing::Contains("correlation_id"));
  mapping = eventctl::ParseMapping("[fields]\nid = [\"a\", \"b\"]\n", "test");
  ASSERT_THAT(mapping, IsOk());
  EXPECT_THAT(eventctl::LinkOf(*mapping).status(),
              testing::HasMessage(HasSubstr("fields.id of the mapping is not one column")));
}

}  // namespace
}  // namespace eventstore::moving
