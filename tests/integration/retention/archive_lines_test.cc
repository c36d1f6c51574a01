// Every value there is, through a file and back.
#include "server/archive/sha256.h"
#include "server/storage/event_lines.h"
#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

TEST_F(RetentionTest, HostileValuesComeBackAsTheyWere) {
  database_.Execute(R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                       causation_id, correlation_id, source, global_position)
SELECT gen_random_uuid(), '2020-05-05 12:00:00.000001Z'::timestamptz + n * interval '1.000003 seconds',
       ('00000000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid,
       e'ty"pe\\\n\t', e'line\u2028break\r\n', u, d::jsonb, m::jsonb, 1, CASE WHEN n % 2 = 0 THEN gen_random_uuid() END,
       CASE WHEN n % 3 = 0 THEN gen_random_uuid() END, 'api', n * 1000000007::bigint
FROM (VALUES
  (1, NULL, '{}', '{}'),
  (2, '', '{"a": 1.50, "b": 1e5, "c": -0, "d": 123456789012345678901234567890.000000000000000000001}', '{}'),
  (3, e'\u0001\u001f"\\/', '{"footer": true, "events": 1}', '{"global_position": 7}'),
  (4, 'ü𝄞 null', '{"k\"e\\y": "v\n\r\t\u2029", "": [[], {}, null, true]}', '{"z": "}\n{"}'),
  (5, repeat('x', 200), ('{"big": "' || repeat('y', 200000) || '"}'), '{}'),
  (6, ',"global_position":3}', '{"n": 1e300}', '{"line": "{\"id\":\""}')) v(n, u, d, m)
)sql");
  database_.Execute("INSERT INTO aggregate_heads SELECT aggregate_id, 1, timestamp, timestamp FROM events_v2");
  Close();
  const std::string before = Everything();
  auto report = Run(Options(1));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["events_dropped"], 6);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 0);
  ASSERT_THAT(Restore({}), IsOk());
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 6);
}

TEST_F(RetentionTest, TheDigestIsThatOfTheLines) {
  Past(1, 500).Insert(database_);
  const storage::EventRows rows{Text("SELECT show_chunks('events_v2')::text")};
  storage::Session session(database_.conninfo(), "test");
  auto digest = storage::DigestOf(session, rows);
  ASSERT_THAT(digest, IsOk());
  archive::Sha256 lines;
  std::int64_t count = 0;
  {
    storage::EventLineReader reader(session);
    ASSERT_THAT(reader.Open(rows), IsOk());
    for (;;) {
      auto some = reader.Next();
      ASSERT_THAT(some, IsOk());
      if (some->empty()) break;
      for (const auto& line : *some) lines.Add(archive::Sha256::BytesOf(line));
      count += static_cast<std::int64_t>(some->size());
    }
  }
  EXPECT_EQ(count, 500);
  EXPECT_EQ(*digest, (storage::EventDigest{500, 1, 500, lines.Hex()}));
  database_.Execute("UPDATE events_v2 SET source = 'sync' WHERE global_position = 250");
  auto changed = storage::DigestOf(session, rows);
  ASSERT_THAT(changed, IsOk());
  EXPECT_NE(changed->digest, digest->digest);
}

}  // namespace
}  // namespace eventstore::testing
