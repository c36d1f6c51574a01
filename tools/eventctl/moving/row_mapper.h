// From a row of a legacy table to an event, or to the reason why it is none. The same row gives the same ids, always.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/import.h"
#include "tools/eventctl/moving/mapping.h"

namespace eventstore::eventctl {

struct SourceRow {
  // In the order of the source: (time, id). No time: there is none that could be read.
  std::optional<domain::TimeMicros> time;
  std::optional<std::string> id;
  // By the columns of the source, as text; of JSON lines the line is the only one.
  std::vector<std::optional<std::string>> values;
};

// What the rows of a source have.
struct SourceColumns {
  bool lines = false;
  std::vector<std::string> names;
};

// Text at `ref`, unescaped if it is a JSON string; nothing: it is not there, or null.
std::optional<std::string> FindField(const SourceColumns& columns, const SourceRow& row, const FieldRef& ref);

// UUID version 5 (RFC 9562) of a name, in a name space of our own.
domain::Uuid NameUuid(std::string_view kind, std::string_view table, std::string_view name);

struct MappedRow {
  std::optional<domain::ImportedEvent> event;
  bool fresh_aggregate = false;  // it named no entity and got one of its own
  // Why there is no event: the field, and what is wrong with it.
  std::string field;
  std::string reason;
};

struct Provenance {
  std::string run;
  std::int64_t batch = 0;
};

class RowMapper {
 public:
  // `now`: a row that is more than a day ahead of it is refused. `aggregate_type`: for all; "": by the mapping.
  RowMapper(Mapping mapping, SourceColumns columns, std::string aggregate_type, domain::TimeMicros now);

  MappedRow Map(const SourceRow& row, const Provenance& provenance) const;
  const std::string& table() const { return mapping_.table; }

 private:
  std::optional<std::string> Find(const SourceRow& row, const FieldRefs& refs) const;
  domain::Uuid IdOf(std::string_view kind, const std::string& text) const;
  std::string AggregateTypeOf(const SourceRow& row, const std::string& event_type) const;
  std::string MetadataOf(const SourceRow& row, const Provenance& provenance) const;

  const Mapping mapping_;
  const SourceColumns columns_;
  const std::string aggregate_type_;
  const domain::TimeMicros now_;
};

}  // namespace eventstore::eventctl
