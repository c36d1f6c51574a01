#include "tools/eventbench/report/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/eventbench/report/figures.h"

namespace eventstore::eventbench {
namespace {

using Json = nlohmann::ordered_json;

double Ms(double nanoseconds) { return nanoseconds / 1e6; }

Json OptionsJson(const Options& options, std::uint64_t seed) {
  return {{"server", options.server},
          {"mix", options.mix.Text()},
          {"loop", options.rate > 0 ? "open" : "closed"},
          {"rate", options.rate},
          {"in_flight", options.in_flight},
          {"connections", options.connections},
          {"threads", options.threads},
          {"seconds", options.seconds},
          {"warmup", options.warmup},
          {"aggregates", options.given_aggregates.empty() ? options.aggregates
                                                          : static_cast<std::int64_t>(options.given_aggregates.size())},
          {"distribution", NameOf(options.distribution)},
          {"check", options.exact ? "exact" : "any"},
          {"events", options.events},
          {"batch_size", options.batch_size},
          {"batch_as", options.batch_as_events ? "events" : "appends"},
          {"stream_items", options.stream_items},
          {"payload", options.payload},
          {"fill", options.fill},
          {"read_limit", options.read_limit},
          {"newest_first", options.newest_first},
          {"seed", seed}};
}

Json LatencyJson(const Histogram& latency) {
  Json json{{"mean", Ms(latency.Mean())}, {"min", Ms(static_cast<double>(latency.min()))}};
  for (const double percent : kPercentiles) {
    json[fmt::format("p{}", percent)] = Ms(static_cast<double>(latency.Percentile(percent)));
  }
  json["max"] = Ms(static_cast<double>(latency.max()));
  return json;
}

Json TotalsJson(const Totals& totals, double seconds) {
  const double per = 1 / std::max(1e-9, seconds);
  Json errors = Json::object();
  for (const auto& [reason, times] : totals.errors) errors[reason] = times;
  return {{"operations", totals.operations},
          {"events", totals.events},
          {"bytes", totals.bytes},
          {"operations_per_second", static_cast<double>(totals.operations) * per},
          {"events_per_second", static_cast<double>(totals.events) * per},
          {"latency_ms", LatencyJson(totals.latency)},
          {"errors", errors}};
}

Json SeriesJson(const RunResult& result) {
  const double step = std::chrono::duration<double>(result.recorder.step()).count();
  Json series = Json::array();
  double at = 0;
  for (const Stretch& stretch : result.recorder.stretches()) {
    series.push_back({{"at", at},
                      {"operations", stretch.operations},
                      {"events", stretch.events},
                      {"errors", stretch.errors},
                      {"p50", Ms(static_cast<double>(stretch.latency.Percentile(50)))},
                      {"p99", Ms(static_cast<double>(stretch.latency.Percentile(99)))}});
    at += step;
  }
  return series;
}

Json VerifiedJson(const VerifyResult& verified) {
  const Comparison& found = verified.found;
  return {{"clean", verified.clean()},
          {"interrupted", verified.interrupted},
          {"aggregates", verified.aggregates},
          {"acknowledged", verified.acknowledged},
          {"confirmed", found.confirmed},
          {"lost", found.lost},
          {"doubled", found.doubled},
          {"moved", found.moved},
          {"disordered", found.disordered},
          {"refused_stored", found.refused_stored},
          {"unknown_stored", found.unknown_stored},
          {"foreign", found.foreign},
          {"examples", found.examples}};
}

Json DeliveryJson(const DeliveryFigures& delivery) {
  return {
      {"delivered", delivery.delivered}, {"missing", delivery.missing}, {"latency_ms", LatencyJson(delivery.latency)}};
}

}  // namespace

std::string ToJson(const Options& options, const RunResult& result) {
  Json operations = Json::object();
  Totals all;
  for (const Row& row : Rows(result, all)) operations[row.name] = TotalsJson(*row.totals, result.seconds);
  Json json{{"options", OptionsJson(options, result.seed)},
            {"seconds", result.seconds},
            {"operations", operations},
            {"acknowledged_events", result.acknowledged_events},
            {"not_started", result.not_started},
            {"client_cpu_seconds", result.client_cpu_seconds},
            {"interrupted", result.interrupted},
            {"ended_early", result.hopeless.empty() ? Json() : Json(result.hopeless)},
            {"verified", result.verified ? VerifiedJson(*result.verified) : Json()},
            {"delivery", result.delivery ? DeliveryJson(*result.delivery) : Json()},
            {"series", SeriesJson(result)}};
  // Text of a server may be anything.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string ToJson(const Options& options, const HoldFigures& held) {
  Json json{{"options",
             {{"server", options.server},
              {"hold_reads", options.hold_reads},
              {"hold_appends", options.hold_appends},
              {"hold_pause", options.hold_pause},
              {"connections", options.connections}}},
            {"seconds", held.seconds_done},
            {"open", held.open},
            {"pages", held.pages},
            {"bytes", held.bytes},
            {"failed", held.failed},
            {"errors", held.errors}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string ToJson(const Options& options, const DrainFigures& drained) {
  Json json{{"options",
             {{"server", options.server},
              {"drain", options.drain == Drain::kGroup ? "group" : "subscription"},
              {"consumers", options.drain == Drain::kGroup ? options.consumers : 1},
              {"connections", options.connections}}},
            {"seconds", drained.seconds},
            {"events_all", drained.events_all},
            {"events", drained.events},
            {"events_per_second", EventsPerSecond(drained)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eventstore::eventbench
