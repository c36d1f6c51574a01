#include "tools/eventctl/moving/source_flags.h"

#include <filesystem>
#include <utility>

#include "server/domain/system_clock.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/moving/link_rule.h"

namespace eventstore::eventctl {

void SourceFlags::AddTo(CLI::App& command) {
  AddFlag(command, "--source-url", url, "URL",
          "PostgreSQL of the source (default EVENTSTORE_SOURCE_URL, else the store's)")
      ->envname("EVENTSTORE_SOURCE_URL");
  AddFlag(command, "--table", table, "NAME", "The legacy table, as name or schema.name" + Default(table));
  CLI::Option* sql = AddFlag(command, "--query", query, "SQL", "A query instead of a table");
  AddFlag(command, "--lines", lines, "FILE", "JSON lines instead of a table; - is standard input")->excludes(sql);
  AddFlag(command, "--mapping", mapping, "FILE", "TOML: which column or JSON member is which field");
  AddFlag(command, "--aggregate-type", aggregate_type, "TYPE",
          "Of all events; else by the mapping's rules, else entity");
  AddTime(command, "--since", since, "Only rows of that time and later. " + std::string(kTimeHelp));
}

std::optional<domain::TimeMicros> MicrosOf(const std::string& time) {
  if (time.empty()) return std::nullopt;
  const auto parsed =
      ParseTime(time, std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
  if (!parsed) return std::nullopt;
  return parsed->time_since_epoch().count();
}

absl::StatusOr<OpenedSource> OpenSource(const SourceFlags& flags, const std::string& store,
                                        std::optional<domain::TimeMicros> until) {
  Mapping mapping;
  if (!flags.mapping.empty()) {
    auto loaded = LoadMapping(flags.mapping);
    if (!loaded.ok()) return loaded.status();
    mapping = *std::move(loaded);
  }
  if (mapping.table.empty()) {
    mapping.table = !flags.lines.empty()
                        ? (flags.lines == "-" ? "lines" : std::filesystem::path(flags.lines).stem().string())
                    : !flags.query.empty() ? "query"
                                           : TableName(flags.table);
  }
  SourceOptions options;
  options.conninfo = flags.url.empty() || !flags.lines.empty() ? store : flags.url;
  options.table = flags.table;
  options.query = flags.query;
  options.lines = flags.lines;
  options.since = MicrosOf(flags.since);
  options.until = until;
  auto source = LegacySource::Open(options, mapping);
  if (!source.ok()) return source.status();
  OpenedSource opened;
  opened.name = (*source)->name();
  // A relative time is another one with each call.
  if (!flags.since.empty()) opened.name += " since " + flags.since;
  opened.mapper = std::make_unique<RowMapper>(std::move(mapping), (*source)->columns(), flags.aggregate_type,
                                              domain::SystemClock().Now());
  opened.source = *std::move(source);
  return opened;
}

}  // namespace eventstore::eventctl
