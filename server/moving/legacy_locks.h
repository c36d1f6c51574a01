// The advisory locks of the move, beside those of the lanes (lane_lock.h).
#pragma once

namespace eventstore::moving {

// "EVLG".
inline constexpr int kLegacyLockClass = 0x45564C47;
// Of the one forwarder that works; of its session.
inline constexpr int kForwarderLock = 1;
// Of the one step of the cut-over that is taken; of its session.
inline constexpr int kCutoverLock = 2;

}  // namespace eventstore::moving
