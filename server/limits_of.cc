#include "server/limits_of.h"

#include <chrono>

#include "server/domain/access/recorded_by.h"

namespace eventstore {

domain::RequestLimits RequestLimitsOf(const settings::Settings& settings) {
  domain::RequestLimits limits;
  limits.message_bytes = static_cast<std::size_t>(settings.max_message_bytes);
  limits.events = static_cast<std::size_t>(settings.max_events_per_append);
  limits.request_bytes = static_cast<std::size_t>(settings.max_request_bytes);
  limits.data_bytes = static_cast<std::size_t>(settings.max_data_bytes);
  limits.metadata_bytes = static_cast<std::size_t>(settings.max_metadata_bytes);
  limits.json_depth = settings.max_json_depth;
  limits.query_days = settings.max_query_days;
  if (settings.audit_metadata) limits.reserved_member = domain::access::kRecordedBy;
  return limits;
}

service::QuotaOptions QuotasOf(const settings::Settings& settings) {
  service::QuotaOptions options;
  options.max_requests_per_second = settings.max_requests_per_second;
  options.max_appends_per_second = settings.max_appends_per_second;
  options.max_calls_in_flight = settings.max_calls_in_flight;
  options.max_streams_per_identity = settings.max_streams_per_identity;
  return options;
}

service::ConnectionLimits ConnectionLimitsOf(const settings::Settings& settings) {
  using std::chrono::seconds;
  service::ConnectionLimits limits;
  limits.message_bytes = settings.max_message_bytes;
  limits.handshake = seconds{settings.handshake_timeout_seconds};
  limits.keepalive = seconds{settings.keepalive_seconds};
  limits.idle = seconds{settings.max_connection_idle_seconds};
  limits.age = seconds{settings.max_connection_age_seconds};
  limits.streams = settings.max_streams_per_connection;
  limits.memory_mib = settings.max_grpc_memory_mib;
  return limits;
}

}  // namespace eventstore
