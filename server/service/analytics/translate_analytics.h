// Between the messages of eventstore.v1.Analytics and the domain. No rule lives here.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/v1/analytics.pb.h"
#include "server/domain/analytics.h"
#include "server/domain/execution_rates.h"

namespace eventstore::service {

absl::StatusOr<domain::HourlyQuery> FromProto(const v1::GetCountsRequest& request, domain::TimeMicros now);
absl::StatusOr<domain::HourlyQuery> FromProto(const v1::GetTopRefsRequest& request, domain::TimeMicros now);
absl::StatusOr<domain::HourlyQuery> FromProto(const v1::GetFailureRateRequest& request, domain::TimeMicros now);
absl::StatusOr<domain::HourlyQuery> FromProto(const v1::GetThroughputRequest& request, domain::TimeMicros now);

v1::GetCountsResponse CountsToProto(const domain::HourlyQuery& query, const domain::HourlyAnswer& answer);
v1::GetTopRefsResponse TopToProto(const domain::HourlyQuery& query, const domain::HourlyAnswer& answer);
v1::GetFailureRateResponse FailureRateToProto(const domain::HourlyQuery& query, const domain::HourlyAnswer& answer);
// `endings`: of the same range. Means are over the hours that are counted.
v1::GetThroughputResponse ThroughputToProto(const domain::HourlyQuery& query, const domain::HourlyAnswer& created,
                                            const domain::HourlyAnswer& endings);
v1::AggregateState StateToProto(domain::Aggregate aggregate, const domain::HourlyState& state);

}  // namespace eventstore::service
