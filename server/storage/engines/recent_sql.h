// What the write path asks about chunks, as each engine says it (recent_chunks.h). Plain texts: they become parts of
// statements that are prepared once a session.
#pragma once

namespace eventstore::storage {

struct RecentSql {
  // One row, one integer: asked once a list and given to the others as $1.
  const char* scope;
  // A scalar of type text: another value whenever `tables` would give another list. Part of every batch's first
  // statement, so it has to be cheap, and runs under the lane locks in that statement's snapshot. $1: scope. NULL: none.
  const char* stamp;
  // A scalar of type timestamptz: no event may be recorded at or after it before it is raised. NULL: no such bound.
  const char* reach;
  // Raises it so that an event may be recorded at $1; "" where there is none. In the append's transaction.
  const char* raise_reach;
  // Rows of a number that is the chunk's own, and its table: the chunks that an event of the last day can be in. By the
  // transaction's start: earlier than the time its events get, so rather a chunk too many. $1: scope.
  const char* tables;
};

}  // namespace eventstore::storage
