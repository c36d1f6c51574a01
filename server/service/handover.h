// gRPC runs a reaction (OnWriteDone, OnCancel) after what brought it about (StartWrite, the answer of the handler), perhaps
// on another thread, and orders the two by locks of its own. ThreadSanitizer does not see those in a gRPC that is not
// built for it; here it is told. Nothing in any other build.
#pragma once

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace eventstore::service {

// Before what leads to the reaction.
inline void HandOver([[maybe_unused]] void* reactor) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(reactor);
#endif
}

// First thing in the reaction.
inline void TakeOver([[maybe_unused]] void* reactor) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(reactor);
#endif
}

}  // namespace eventstore::service
