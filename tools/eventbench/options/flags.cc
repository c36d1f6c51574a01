#include "tools/eventbench/options/flags.h"

#include <fmt/format.h>

#include <fstream>

#include "tools/eventctl/input/flags.h"

namespace eventstore::eventbench {
namespace {

using eventctl::AddFlag;
using eventctl::AddNumber;
using eventctl::Default;

constexpr char kFooter[] =
    "Operations: append (one Append), batch (many events in one request), stream (items of AppendStream), replay, "
    "user,\n"
    "correlated, count, tail (ReadAll from somewhere in the store), ping (a health check: what a call costs that does\n"
    "nothing).\n"
    "\n"
    "A closed loop (the default) starts the next operation when one is answered: it shows what the store can do. An "
    "open\n"
    "loop (--rate) starts them at fixed moments and counts latency from these, whatever the answers do: it shows what\n"
    "users feel.\n"
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  --verify found events lost, double or out of order\n"
    "  2  a bad flag\n"
    "  3  the server cannot be reached\n"
    "  5  any other error, or an operation that the server always refuses\n"
    "  130  interrupted: the figures are of the time until then\n"
    "\n"
    "Examples:\n"
    "  eventbench --mix append --in-flight 64 --seconds 30 --verify\n"
    "  eventbench --mix append=80,replay=20 --rate 2000 --html report.html\n"
    "  eventbench --mix stream --in-flight 256 --distribution distinct --check exact\n"
    "  eventbench --mix batch --batch-size 100 --in-flight 4\n"
    "  eventbench --mix append --distribution hot --check any\n"
    "  eventbench --rate 2000 --follow 1\n"
    "  eventbench --drain group --consumers 4\n"
    "  eventbench --hold-reads 500 --hold-appends 500 --seconds 60\n"
    "  eventbench --mix replay --fill 1000 --aggregates 100 --newest-first --read-limit 10 --json";

const std::map<std::string, Distribution>& Distributions() {
  static const std::map<std::string, Distribution> kNames = {{"uniform", Distribution::kUniform},
                                                             {"zipf", Distribution::kZipf},
                                                             {"hot", Distribution::kHot},
                                                             {"distinct", Distribution::kDistinct}};
  return kNames;
}

// Calls `take` with the value; its error becomes the parser's.
template <typename Take>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, const std::string& look, const std::string& help,
                       Take take) {
  const CLI::callback_t callback = [name, take](const CLI::results_t& values) {
    for (const std::string& text : values) {
      if (const std::string error = take(text); !error.empty()) throw CLI::ValidationError(name, error);
    }
    return true;
  };
  return app.add_option(name, callback, help)->option_text(look)->expected(1);
}

void AddLoad(CLI::App& app, Options& options) {
  AddParsed(app, "--mix", "MIX", "What to do, with weights: append=80,replay=20 (default append)",
            [&options](const std::string& text) -> std::string {
              auto mix = Mix::Parse(text);
              if (!mix.ok()) return std::string(mix.status().message());
              options.mix = *mix;
              return "";
            });
  AddFlag(app, "--seconds", options.seconds, "S", "Measure so long (default 10)")->check(CLI::Range(0.1, 86'400.0));
  AddFlag(app, "--warmup", options.warmup, "S", "Load so long before that, uncounted (default 2)")
      ->check(CLI::Range(0.0, 3'600.0));
  AddNumber(app, "--in-flight", options.in_flight, 1, 100'000,
            "Operations under way at a time; with --rate, the most there may be" + Default(options.in_flight));
  AddFlag(app, "--rate", options.rate, "R", "Start so many operations a second (open loop)")
      ->check(CLI::Range(0.01, 1e7));
  AddNumber(app, "--connections", options.connections, 1, 1'000, "TCP connections" + Default(options.connections));
  AddNumber(app, "--threads", options.threads, 1, 64,
            "Threads of this client; one does some 25,000 calls a second" + Default(options.threads));
  AddFlag(app, "--timeout", options.timeout, "S", "Give each call so long (default 30)")
      ->check(CLI::Range(0.01, 3'600.0));
}

void AddWrites(CLI::App& app, Options& options) {
  AddNumber(app, "--aggregates", options.aggregates, 1, 100'000'000,
            "Aggregates to choose from" + Default(options.aggregates));
  AddParsed(app, "--distribution", "HOW",
            "uniform, zipf, hot (one aggregate), distinct (a new one for each append) (default uniform)",
            [&options](const std::string& text) -> std::string {
              const auto found = Distributions().find(text);
              if (found == Distributions().end()) return "\"" + text + "\" is not uniform, zipf, hot or distinct";
              options.distribution = found->second;
              return "";
            });
  AddFlag(app, "--zipf-exponent", options.zipf_exponent, "X", "How uneven zipf is (default 0.99)")
      ->check(CLI::Range(0.01, 10.0));
  eventctl::AddList(app, "--aggregate", options.given_aggregates, "UUID", "Use this aggregate, not made ones")
      ->check(eventctl::UuidValidator());
  AddParsed(app, "--aggregates-from", "FILE", "Use the aggregates of this file, one id a line",
            [&options](const std::string& path) -> std::string {
              std::ifstream file(path);
              if (!file) return "cannot read " + path;
              for (std::string line; std::getline(file, line);) options.given_aggregates.push_back(line);
              return "";
            });
  AddParsed(app, "--check", "CHECK", "exact (expect the version it tracks) or any (default any)",
            [&options](const std::string& text) -> std::string {
              options.exact = text == "exact";
              return text == "exact" || text == "any" ? "" : "\"" + text + "\" is neither exact nor any";
            });
  AddNumber(app, "--events", options.events, 1, 10'000, "Events of one append" + Default(options.events));
  AddNumber(app, "--batch-size", options.batch_size, 1, 10'000, "Events of one batch" + Default(options.batch_size));
  AddParsed(app, "--batch-as", "SHAPE",
            "appends (AppendBatch of appends with one event each) or events (one Append) (default appends)",
            [&options](const std::string& text) -> std::string {
              options.batch_as_events = text == "events";
              return text == "events" || text == "appends" ? "" : "\"" + text + "\" is neither appends nor events";
            });
  AddNumber(app, "--stream-items", options.stream_items, 1, 1'000,
            "Most items of one AppendStream message" + Default(options.stream_items));
  AddNumber(app, "--payload", options.payload, 2, 1'000'000, "Bytes of data of an event" + Default(options.payload));
  AddNumber(app, "--users", options.users, 1, 1'000'000, "Users the events belong to" + Default(options.users));
  AddNumber(app, "--fill", options.fill, 0, 1'000'000,
            "Append so many events to each aggregate before the clock starts");
  AddFlag(app, "--seed", options.seed, "N", "Of aggregates and choices, to have the same ones again; 0: new ones");
  app.add_flag("--verify", options.verify, "Afterwards read back every aggregate written, and compare");
}

void AddReads(CLI::App& app, Options& options) {
  AddNumber(app, "--read-limit", options.read_limit, 0, 1'000'000,
            "Most events of one read, 0: all (default: all of an aggregate or workflow, 100 of a user or of the tail)");
  app.add_flag("--newest-first", options.newest_first, "Read backward");
}

void AddSubscriptions(CLI::App& app, Options& options) {
  AddNumber(app, "--follow", options.follow, 0, 10'000,
            "Beside the mix, so many subscribers: the first to everything, measuring how long after its\n"
            "acknowledgement an event comes, the others to one user each");
  AddParsed(
      app, "--drain", "HOW",
      "Instead of a mix: take in everything that is stored, by one subscription, or by a new consumer group (group)",
      [&options](const std::string& text) -> std::string {
        if (text == "subscription") options.drain = Drain::kSubscription;
        if (text == "group") options.drain = Drain::kGroup;
        return options.drain != Drain::kNone ? "" : "\"" + text + "\" is neither subscription nor group";
      });
  AddNumber(app, "--consumers", options.consumers, 1, 64, "Of the group of --drain group" + Default(options.consumers));
}

void AddHold(CLI::App& app, Options& options) {
  AddNumber(app, "--hold-reads", options.hold_reads, 0, 1'000'000,
            "Instead of a mix: keep so many streams open that read everything, slowly");
  AddNumber(app, "--hold-appends", options.hold_appends, 0, 1'000'000, "... and so many AppendStreams without an item");
  AddFlag(app, "--hold-pause", options.hold_pause, "S", "Rest of a slow reader between two pages (default 5)")
      ->check(CLI::Range(0.0, 3'600.0));
}

}  // namespace

void AddFlags(CLI::App& app, Options& options, OutputFlags& output) {
  app.add_option("--server", options.server,
                 "Where the server listens (default EVENTSTORE_SERVER, else 127.0.0.1:50051)")
      ->envname("EVENTSTORE_SERVER")
      ->option_text("HOST:PORT");
  output.tls.AddTo(app);
  app.parse_complete_callback([&tls = output.tls] { tls.Check(); });
  options.make_credentials = [&tls = output.tls] { return tls.Credentials(); };
  app.add_option("--token-file", options.token_file,
                 "A file with the key or token of every call (default EVENTSTORE_TOKEN_FILE)")
      ->envname("EVENTSTORE_TOKEN_FILE")
      ->option_text("FILE");
  AddLoad(app, options);
  AddWrites(app, options);
  AddReads(app, options);
  AddSubscriptions(app, options);
  AddHold(app, options);
  app.add_flag("--json", output.json, "The result as one JSON object, with a series over time");
  AddFlag(app, "--html", output.html, "FILE", "Write a page with charts there");
  AddFlag(app, "--svg", output.svg, "FILE", "Write the charts alone there");
  app.footer(kFooter);
}

}  // namespace eventstore::eventbench
