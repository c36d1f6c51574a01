// The rules of the fields of operations.proto, one method a kind of field. Whoever makes a query of a request asks for its
// fields one by one, and in the end whether all of them were right: all violations of a request are reported.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/records.h"
#include "server/domain/query_validation.h"
#include "server/domain/validation.h"

namespace eventstore::domain {

inline constexpr std::size_t kMaxRefBytes = 200;
inline constexpr std::size_t kMaxHostBytes = 200;
inline constexpr std::size_t kMaxWorkerTypeBytes = 100;
// What PostgreSQL takes for a name.
inline constexpr std::size_t kMaxTableNameBytes = 128;

class Fields {
 public:
  Uuid Id(const std::string& field, const std::string& text);
  std::optional<Uuid> OptionalId(const std::string& field, const std::string& text);
  NewId IdToMake(const std::string& field, const std::string& text, IdMaker& ids);

  std::string Text(const std::string& field, const std::string& text, std::size_t min, std::size_t max);
  std::string Ref(const std::string& field, const std::string& text) { return Text(field, text, 1, kMaxRefBytes); }
  std::optional<std::string> OptionalRef(const std::string& field, const std::string& text);

  // Empty: {}.
  std::string Object(const std::string& field, const std::string& text);
  std::optional<std::string> OptionalObject(const std::string& field, const std::string& text);

  // `number`: of the proto's enum, 0 for none.
  template <typename Status, std::size_t n>
  Status RequiredStatus(const std::string& field, int number, const std::array<std::string_view, n>& /*names*/) {
    if (number == 0) violations_.Add(field, "is missing: send the status");
    return static_cast<Status>(Known(field, number, static_cast<int>(n)));
  }
  // As the tables have it; empty: any.
  template <std::size_t n>
  std::string AnyStatus(const std::string& field, int number, const std::array<std::string_view, n>& names) {
    const int known = Known(field, number, static_cast<int>(n));
    return number == 0 ? std::string() : std::string(names.at(static_cast<std::size_t>(known)));
  }

  std::optional<TimeMicros> Time(const std::string& field, const std::optional<RawTime>& raw);
  TimeRange Range(const RawTimeRange& raw);
  int PageSize(int size);
  int Heartbeat(int seconds);
  std::optional<RecordPlace> PageToken(const std::string& token);
  std::optional<ChangePlace> ResumeToken(const std::string& token);
  std::vector<std::string> Refs(const std::string& field, const std::vector<std::string>& texts);
  std::vector<RecordKind> Kinds(const std::string& field, const std::vector<int>& numbers);

  // For rules over several fields.
  void Add(const std::string& field, const std::string& description) { violations_.Add(field, description); }
  absl::Status ToStatus() const { return violations_.ToStatus(); }

 private:
  int Known(const std::string& field, int number, int count);
  Violations violations_;
};

}  // namespace eventstore::domain
