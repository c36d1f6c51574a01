// Tasks, runs and partitions of the housekeeper, for people and for programs.
#pragma once

#include <string>

#include "eventstore/v1/housekeeper.pb.h"
#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

// "succeeded"; "interrupted".
std::string StatusName(v1::RunStatus status);
// The reverse; RUN_STATUS_UNSPECIFIED when it is none.
v1::RunStatus StatusOf(const std::string& name);
std::string TriggerName(v1::RunTrigger trigger);
// "green", "yellow" or "red".
std::string HealthName(v1::PartitionHealth health);
// 1536 -> "1.5 KiB".
std::string BytesText(std::int64_t bytes);

std::string RunJson(const v1::TaskRun& run);
std::string TaskJson(const v1::Task& task);
std::string PartitionStatusJson(const v1::GetPartitionStatusResponse& status);

// One run, with all that is known.
void PrintRun(Context& context, const v1::TaskRun& run);

}  // namespace eventstore::eventctl
