#include "server/storage/lost_positions.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kFind{"lost_find", R"sql(
SELECT after, before FROM lost_positions
WHERE kind = $1 AND EXISTS (SELECT FROM unnest($2::bigint[]) p WHERE p > after AND p < before)
ORDER BY after DESC LIMIT 1
)sql"};

constexpr Query kNote{"lost_note", R"sql(
INSERT INTO lost_positions (kind, after, before) VALUES ($1, $2::bigint, $3::bigint) ON CONFLICT DO NOTHING
)sql"};

std::string NameOf(PositionKind kind) { return kind == PositionKind::kEvents ? "events" : "changes"; }

}  // namespace

absl::StatusOr<std::optional<LostPositions>> FindLost(Session& session, PositionKind kind,
                                                      const std::vector<domain::Position>& positions) {
  ArrayText wanted;
  for (const domain::Position position : positions) wanted.AddPlain(position);
  auto rows = session.Run(kFind, {NameOf(kind), wanted.Take()});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  return LostPositions{(*rows)[0][0].as<domain::Position>(), (*rows)[0][1].as<domain::Position>()};
}

absl::Status CheckNotLost(Session& session, domain::Position position) {
  if (position == 0) return absl::OkStatus();
  auto lost = FindLost(session, PositionKind::kEvents, {position});
  if (!lost.ok()) return lost.status();
  if (!*lost) return absl::OkStatus();
  const domain::Position last = (*lost)->after;
  domain::Error error;
  error.reason = domain::Reason::kPositionAhead;
  error.message = fmt::format(
      "from_position {} is of events that a restore of this store took back: of what was stored before them, {} is the "
      "last one. Find out what was made of the lost events, and begin from there or from an earlier checkpoint",
      position, last);
  error.metadata = {{"from_position", fmt::format("{}", position)}, {"last_position", fmt::format("{}", last)}};
  return domain::ToStatus(error);
}

absl::Status NoteLost(Session& session, PositionKind kind, const LostPositions& lost) {
  return session.Run(kNote, {NameOf(kind), fmt::format("{}", lost.after), fmt::format("{}", lost.before)}).status();
}

}  // namespace eventstore::storage
