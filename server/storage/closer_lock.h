// The lock of the closer of chunks. Whoever closes or records a chunk holds it alone; whoever writes into times that may be closed, or opens
// chunks again, holds it shared for the length of that transaction, taken before the lanes. So no chunk is recorded while
// events are on their way into it.
#pragma once

namespace eventstore::storage {

// "EVSC"; not the lanes' class, whose holders the horizon takes for writers. The second key is 0.
inline constexpr int kCloserLockClass = 0x45565343;

}  // namespace eventstore::storage
