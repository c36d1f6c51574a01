// eventctl groups create, update, reset, delete.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tools/eventctl/commands/groups/groups.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/input/filter_flags.h"
#include "tools/eventctl/input/start_flag.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/group_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

constexpr int kMaxBuckets = 1'024;
constexpr int kMaxDeliveries = 1'000;

// Those of ConsumerGroupSettings, as far as they are given.
struct SettingsFlags {
  FilterFlags filter;
  std::string ack_timeout;
  std::string retry_pause;
  int max_deliveries = 0;

  void AddTo(CLI::App& command, bool with_defaults) {
    const auto or_default = [&](const std::string& value) { return with_defaults ? Default(value) : ""; };
    filter.AddTo(command);
    AddDuration(command, "--ack-timeout", ack_timeout, "An answer that takes longer is a failure" + or_default("30s"));
    AddNumber(command, "--max-deliveries", max_deliveries, 1, kMaxDeliveries,
              "Park an event that failed so often" + or_default("10"));
    AddDuration(command, "--retry-pause", retry_pause,
                "Before the second delivery; doubled for each one after it" + or_default("500ms"));
  }
  bool empty() const { return filter.empty() && ack_timeout.empty() && retry_pause.empty() && max_deliveries == 0; }

  void Apply(v1::ConsumerGroupSettings& settings) const {
    if (!filter.empty()) *settings.mutable_filter() = filter.ToProto();
    if (const auto time = ParseDuration(ack_timeout)) settings.set_ack_timeout_ms(Milliseconds(*time));
    if (const auto time = ParseDuration(retry_pause)) settings.set_retry_pause_ms(Milliseconds(*time));
    if (max_deliveries > 0) settings.set_max_deliveries(max_deliveries);
  }

 private:
  // What is too much is for the server to say.
  static std::int32_t Milliseconds(std::chrono::milliseconds time) {
    return static_cast<std::int32_t>(std::min<std::int64_t>(time.count(), kMaxInt));
  }
};

struct CreateFlags {
  std::string name;
  SettingsFlags settings;
  std::string from = "beginning";
  int buckets = 0;
};

struct UpdateFlags {
  std::string name;
  SettingsFlags settings;
  bool all_events = false;
};

struct ResetFlags {
  std::string name;
  std::string to;
  bool yes = false;
};

struct DeleteFlags {
  std::string name;
  bool yes = false;
};

ExitCode Show(const absl::StatusOr<v1::ConsumerGroup>& group, const std::string& doing, const std::string& done,
              Context& context) {
  if (!group.ok()) return ReportError(context, doing, group.status());
  if (context.json) {
    context.out << GroupJson(*group) << '\n';
  } else {
    PrintGroup(context, *group);
  }
  Hint(context, done);
  return kOk;
}

ExitCode RunCreate(const CreateFlags& flags, Context& context) {
  v1::CreateConsumerGroupRequest request;
  request.set_name(flags.name);
  flags.settings.Apply(*request.mutable_settings());
  request.set_buckets(flags.buckets);
  SetStart(flags.from, request);
  return Show(MakeGroups(context).Create(request, CallOptionsOf(context)), "create group " + flags.name,
              fmt::format("created; see what it is given with `eventctl groups consume {}`", flags.name), context);
}

ExitCode RunUpdate(const UpdateFlags& flags, Context& context) {
  if (flags.settings.empty() && !flags.all_events) {
    return ReportUsage(context,
                       "give what is to change: a filter, --all-events, --ack-timeout, --retry-pause or "
                       "--max-deliveries");
  }
  if (flags.all_events && !flags.settings.filter.empty()) {
    return ReportUsage(context, "--all-events takes the filter away; give one of the two");
  }
  // The call replaces everything, so what is not given stays as it is.
  const client::ConsumerGroups groups = MakeGroups(context);
  const auto before = groups.Get(flags.name, CallOptionsOf(context));
  if (!before.ok()) return ReportError(context, "update group " + flags.name, before.status());
  v1::ConsumerGroupSettings settings = before->settings();
  if (flags.all_events) settings.clear_filter();
  flags.settings.Apply(settings);
  return Show(groups.Update(flags.name, settings, CallOptionsOf(context)), "update group " + flags.name, "updated",
              context);
}

ExitCode RunReset(const ResetFlags& flags, Context& context) {
  v1::ResetConsumerGroupRequest request;
  request.set_name(flags.name);
  SetStart(flags.to, request);
  const client::ConsumerGroups groups = MakeGroups(context);
  const auto before = groups.Get(flags.name, CallOptionsOf(context));
  if (!before.ok()) return ReportError(context, "reset group " + flags.name, before.status());
  const std::string question =
      fmt::format("Group {} is at position {}. Reset it to {}, so that events come again or are left out?", flags.name,
                  before->position(), flags.to);
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  return Show(groups.Reset(request, CallOptionsOf(context)), "reset group " + flags.name,
              "reset; what is parked stays parked", context);
}

ExitCode RunDelete(const DeleteFlags& flags, Context& context) {
  const client::ConsumerGroups groups = MakeGroups(context);
  const auto group = groups.Get(flags.name, CallOptionsOf(context));
  if (!group.ok()) return ReportError(context, "delete group " + flags.name, group.status());
  const std::string question =
      fmt::format("Delete group {}, its place, {} that it has parked, and end {}?", flags.name,
                  CountOf(group->parked_events(), "event"), CountOf(group->members_size(), "consumer"));
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  const absl::Status deleted = groups.Delete(flags.name, CallOptionsOf(context));
  if (!deleted.ok()) return ReportError(context, "delete group " + flags.name, deleted);
  Hint(context, "deleted group " + flags.name);
  return kOk;
}

}  // namespace

void AddGroupsCreate(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<CreateFlags>();
  CLI::App* command = groups.add_subcommand("create", "Make a group; to repeat it unchanged does nothing");
  AddGroupName(*command, flags->name);
  AddStart(*command, "--from", flags->from, std::string("Begin there: ") + kStartHelp + Default(flags->from));
  AddNumber(*command, "--buckets", flags->buckets, 1, kMaxBuckets,
            "How many consumers can have something to do; cannot be changed" + Default(64));
  flags->settings.AddTo(*command, true);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl groups create mailer --event-type 'order.*' --from now\n"
            "  eventctl groups create search --buckets 16 --ack-timeout 2m --max-deliveries 5");
  command->callback([flags, &context] { context.exit_code = RunCreate(*flags, context); });
}

void AddGroupsUpdate(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<UpdateFlags>();
  CLI::App* command = groups.add_subcommand("update", "Change a group at work; what is not given stays as it is");
  AddGroupName(*command, flags->name);
  flags->settings.AddTo(*command, false);
  command->add_flag("--all-events", flags->all_events, "Take the filter away");
  AddFooter(*command,
            "A filter replaces the whole one. Consumers stay connected; what lies behind the group is not looked at "
            "again.\n\n"
            "Examples:\n"
            "  eventctl groups update mailer --ack-timeout 1m\n"
            "  eventctl groups update mailer --event-type 'order.*' --event-type 'invoice.*'");
  command->callback([flags, &context] { context.exit_code = RunUpdate(*flags, context); });
}

void AddGroupsReset(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<ResetFlags>();
  CLI::App* command = groups.add_subcommand("reset", "Move a group forward or back; events come again or are left out");
  AddGroupName(*command, flags->name);
  AddStart(*command, "--to", flags->to, kStartHelp)->required();
  command->add_flag("--yes", flags->yes, "Do not ask");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl groups reset search --to beginning\n"
            "  eventctl groups reset mailer --to 2h --yes\n"
            "  eventctl groups reset mailer --to now --yes");
  command->callback([flags, &context] { context.exit_code = RunReset(*flags, context); });
}

void AddGroupsDelete(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<DeleteFlags>();
  CLI::App* command = groups.add_subcommand("delete", "Delete a group with its place and what it has parked");
  AddGroupName(*command, flags->name);
  command->add_flag("--yes", flags->yes, "Do not ask");
  AddFooter(*command,
            "Events stay in the store. Consumers of the group are told that it is gone.\n\n"
            "Examples:\n"
            "  eventctl groups delete mailer\n"
            "  eventctl groups delete mailer --yes");
  command->callback([flags, &context] { context.exit_code = RunDelete(*flags, context); });
}

}  // namespace eventstore::eventctl
