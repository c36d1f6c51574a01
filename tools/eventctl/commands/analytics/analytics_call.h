// Calls of eventstore.v1.Analytics, and what its commands have in common.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/v1/analytics.grpc.pb.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/service_calls.h"

namespace eventstore::eventctl {

using AnalyticsCalls = ServiceCalls<v1::Analytics>;

struct RangeFlags {
  std::string from;
  std::string to;
  std::string by = "hour";
  bool include_recent = false;

  // `buckets`: the command has --by.
  void AddTo(CLI::App& command, bool buckets);
  v1::TimeBucket bucket() const { return by == "day" ? v1::TIME_BUCKET_DAY : v1::TIME_BUCKET_HOUR; }

  template <typename Request>
  void Fill(Request* request) const {
    if (const auto time = ParseTimeFlag(from)) *request->mutable_from_time() = *time;
    if (const auto time = ParseTimeFlag(to)) *request->mutable_to_time() = *time;
    request->set_include_recent(include_recent);
  }
};

// "event-volume" and so on.
std::optional<v1::HourlyAggregate> AggregateNamed(const std::string& name);
std::string NameOf(v1::HourlyAggregate aggregate);
void AddAggregate(CLI::App& command, std::string& name);

// Where each bucket from `from` to `to` begins, in seconds since 1970, those without counts included.
std::vector<std::int64_t> BucketsOf(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to,
                                    v1::TimeBucket bucket);
// "2026-11-21 14:00", "2026-11-21".
std::string BucketText(std::int64_t seconds, v1::TimeBucket bucket);

// How far an answer goes, for people; for programs.
void HintFreshness(Context& context, const v1::Freshness& freshness);
std::string FreshnessJson(const v1::Freshness& freshness);

// Each in its own file.
void AddCounts(CLI::App& analytics, Context& context);
void AddTop(CLI::App& analytics, Context& context);
void AddFailureRate(CLI::App& analytics, Context& context);
void AddThroughput(CLI::App& analytics, Context& context);

}  // namespace eventstore::eventctl
