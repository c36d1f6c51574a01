// From rows of events_v2 to domain events, and the two query shapes that read them.
#pragma once

#include <string>
#include <vector>

#include "server/domain/event.h"
#include "server/storage/binary_rows.h"
#include "server/storage/pq_compat.h"

namespace eventstore::storage {

domain::Uuid UuidOf(const pqxx::field& field);

// A page from one table: `where` and `order` are SQL of our own with parameters from $3 on; $1 is the most rows, $2 the
// most bytes of data and metadata. The row that crosses $2 is still returned, so a page is never empty by its size.
// data::text is computed once, in the inner query that LIMIT keeps from being flattened.
std::string PageSql(const std::string& table, const std::string& where, const std::string& order);

// The same without adding up what the rows before take, which costs PostgreSQL more than reading them: $2 is the most
// bytes of one row instead, and of a row that has more, data and metadata are NULL.
std::string SmallRowsSql(const std::string& table, const std::string& where, const std::string& order);
// Whether SmallRowsSql left out what is in this row.
bool IsTooLarge(const Rows& rows, int row);

domain::RecordedEvent RecordedFrom(const Rows& rows, int row);

// Bytes as PageSql counts them.
std::size_t PayloadBytes(const domain::RecordedEvent& event);

}  // namespace eventstore::storage
