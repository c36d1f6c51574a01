// From settings to the limits of the parts.
#pragma once

#include "server/domain/request_limits.h"
#include "server/service/quotas.h"
#include "server/service/server.h"
#include "server/settings/settings.h"

namespace eventstore {

domain::RequestLimits RequestLimitsOf(const settings::Settings& settings);
service::QuotaOptions QuotasOf(const settings::Settings& settings);
service::ConnectionLimits ConnectionLimitsOf(const settings::Settings& settings);

}  // namespace eventstore
