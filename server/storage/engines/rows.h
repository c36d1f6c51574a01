// The engines, each defined in a file of its own (<name>_engine.cc); for the table in engine.cc.
#pragma once

#include "server/storage/engines/engine.h"

namespace eventstore::storage {

extern const Engine kTimescaledbEngineRow;
extern const Engine kNativeEngineRow;

}  // namespace eventstore::storage
