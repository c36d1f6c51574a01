#include "server/storage/subject_keys.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/group_rows.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

using domain::erasure::EraseOutcome;
using domain::erasure::EraseRequest;
using domain::erasure::Erasure;

constexpr Query kReadMaster{"erasure_read_master", "SELECT fingerprint FROM erasure_state"};
constexpr Query kRecordMaster{"erasure_record_master",
                              "INSERT INTO erasure_state (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING"};

constexpr Query kFind{"subject_keys_find", R"sql(
SELECT subject, key_id, encode(wrapped, 'hex') FROM subject_keys WHERE subject = ANY ($1::text[])
)sql"};
constexpr Query kFindById{"subject_keys_find_by_id", R"sql(
SELECT subject, key_id, encode(wrapped, 'hex') FROM subject_keys WHERE key_id = ANY ($1::uuid[])
)sql"};

// In one order for everybody: two servers that make keys of the same subjects wait for each other, but not in a circle.
constexpr Query kAdd{"subject_keys_add", R"sql(
INSERT INTO subject_keys (subject, key_id, wrapped)
SELECT subject, key_id, decode(wrapped, 'hex')
FROM unnest($1::text[], $2::uuid[], $3::text[]) AS n(subject, key_id, wrapped)
ORDER BY subject
ON CONFLICT DO NOTHING
)sql"};

// One statement, so the number and the rows are of one moment.
constexpr Query kSince{"erasures_since", R"sql(
SELECT s.erasures, e.key_id FROM erasure_state s
LEFT JOIN erasures e ON e.number > $1::bigint AND e.key_id IS NOT NULL
)sql"};

// The lock of the row is held until the commit.
constexpr Query kTakeNumber{"erasures_take_number",
                            "UPDATE erasure_state SET erasures = erasures + 1 RETURNING erasures"};

constexpr char kErasureColumns[] =
    "number, subject, key_id, (extract(epoch FROM erased_at) * 1000000)::bigint, erased_by, reason";

constexpr Query kFindKey{"subject_keys_find_one", R"sql(
SELECT (extract(epoch FROM created_at) * 1000000)::bigint FROM subject_keys WHERE subject = $1 AND wrapped IS NOT NULL
)sql"};

// A key that is made meanwhile is waited for, and destroyed.
constexpr Query kDestroy{"subject_keys_destroy", R"sql(
INSERT INTO subject_keys AS k (subject, erased_at) VALUES ($1, clock_timestamp())
ON CONFLICT (subject) DO UPDATE SET wrapped = NULL, erased_at = excluded.erased_at
RETURNING k.key_id, (extract(epoch FROM k.created_at) * 1000000)::bigint
)sql"};

StoredKey KeyFrom(const pqxx::row& row) {
  return {row[0].c_str(), MaybeUuidOf(row[1]), row[2].is_null() ? "" : row[2].c_str()};
}

absl::StatusOr<std::vector<StoredKey>> KeysFrom(absl::StatusOr<pqxx::result> rows) {
  if (!rows.ok()) return rows.status();
  std::vector<StoredKey> keys;
  for (const auto& row : *rows) keys.push_back(KeyFrom(row));
  return keys;
}

Erasure ErasureFrom(const pqxx::row& row) {
  return {row[0].as<std::int64_t>(), row[1].c_str(), MaybeUuidOf(row[2]),
          row[3].as<std::int64_t>(), row[4].c_str(), row[5].c_str()};
}

absl::StatusOr<std::optional<Erasure>> FindErasure(Session& session, const std::string& subject) {
  static const std::string sql = fmt::format("SELECT {} FROM erasures WHERE subject = $1", kErasureColumns);
  auto rows = session.Run({"erasures_find", sql.c_str()}, {subject});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  return ErasureFrom((*rows)[0]);
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadMasterKey(Session& session) {
  auto rows = session.Run(kReadMaster, {});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  return std::string((*rows)[0][0].c_str());
}

absl::StatusOr<std::string> RecordMasterKey(Session& session, const std::string& fingerprint) {
  if (auto recorded = session.Run(kRecordMaster, {fingerprint}); !recorded.ok()) return recorded.status();
  auto known = ReadMasterKey(session);
  if (!known.ok()) return known.status();
  return known->value_or("");
}

absl::StatusOr<std::vector<StoredKey>> FindKeys(Session& session, const std::vector<std::string>& subjects) {
  return KeysFrom(session.Run(kFind, {TextArray(subjects)}));
}

absl::StatusOr<std::vector<StoredKey>> FindKeysById(Session& session, const std::vector<domain::Uuid>& ids) {
  return KeysFrom(session.Run(kFindById, {IdArray(ids)}));
}

absl::Status AddKeys(Session& session, const std::vector<StoredKey>& keys) {
  ArrayText subjects, ids, wrapped;
  for (const StoredKey& key : keys) {
    subjects.Add(key.subject);
    ids.AddPlain(key.key_id->ToString());
    wrapped.Add(key.wrapped);
  }
  return session.Run(kAdd, {subjects.Take(), ids.Take(), wrapped.Take()}).status();
}

absl::StatusOr<ErasuresSince> ReadErasuresSince(Session& session, std::int64_t number) {
  auto rows = session.Run(kSince, {fmt::format("{}", number)});
  if (!rows.ok()) return rows.status();
  ErasuresSince since;
  for (const auto& row : *rows) {
    since.last = row[0].as<std::int64_t>();
    if (!row[1].is_null()) since.key_ids.push_back(UuidOf(row[1]));
  }
  return since;
}

absl::StatusOr<EraseOutcome> EraseSubject(Session& session, const EraseRequest& request) {
  static const std::string insert = fmt::format(
      "INSERT INTO erasures (number, subject, key_id, erased_by, reason) VALUES ($1::bigint, $2, $3::uuid, $4, $5) "
      "RETURNING {}",
      kErasureColumns);
  EraseOutcome outcome;
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  std::string number;
  if (!request.dry_run) {
    // First, so that of several for one subject the others see what one has done.
    auto taken = session.Run(kTakeNumber, {});
    if (!taken.ok()) return taken.status();
    number = (*taken)[0][0].c_str();
  }
  auto before = FindErasure(session, request.subject);
  if (!before.ok()) return before.status();
  outcome.erasure = *std::move(before);
  if (outcome.erasure) {
    outcome.was_erased = true;
    return outcome;
  }
  if (request.dry_run) {
    auto key = session.Run(kFindKey, {request.subject});
    if (!key.ok()) return key.status();
    if (!key->empty()) outcome.key_created_at = (*key)[0][0].as<std::int64_t>();
    return outcome;
  }
  auto destroyed = session.Run(kDestroy, {request.subject});
  if (!destroyed.ok()) return destroyed.status();
  const auto key_id = MaybeUuidOf((*destroyed)[0][0]);
  if (key_id) outcome.key_created_at = (*destroyed)[0][1].as<std::int64_t>();
  const pq::Args args{number, request.subject, key_id ? std::optional(key_id->ToString()) : std::nullopt,
                      request.erased_by, request.reason};
  auto recorded = session.Run({"erasures_insert", insert.c_str()}, args);
  if (!recorded.ok()) return recorded.status();
  outcome.erasure = ErasureFrom((*recorded)[0]);
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return outcome;
}

absl::StatusOr<ErasureList> ListErasures(Session& session, std::int64_t after_number, int page_size) {
  static const std::string sql = fmt::format(
      "SELECT {} FROM erasures "
      "WHERE number > $1::bigint ORDER BY number LIMIT $2::integer",
      kErasureColumns);
  constexpr Query kLiving{"subject_keys_living", "SELECT count(*) FROM subject_keys WHERE wrapped IS NOT NULL"};
  ErasureList list;
  auto living = session.Run(kLiving, {});
  if (!living.ok()) return living.status();
  list.living_keys = (*living)[0][0].as<std::int64_t>();
  auto rows =
      session.Run({"erasures_list", sql.c_str()}, {fmt::format("{}", after_number), fmt::format("{}", page_size + 1)});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) list.erasures.push_back(ErasureFrom(row));
  list.more = list.erasures.size() > static_cast<std::size_t>(page_size);
  if (list.more) list.erasures.pop_back();
  return list;
}

}  // namespace eventstore::storage
