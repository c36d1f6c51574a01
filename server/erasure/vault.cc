#include "server/erasure/vault.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/domain/erasure/envelope.h"
#include "server/domain/erasure/json_places.h"
#include "server/domain/error.h"
#include "server/erasure/rule_file.h"

namespace eventstore::erasure {
namespace {

using domain::erasure::FindValues;
using domain::erasure::FindWrapped;
using domain::erasure::Place;
using domain::erasure::Replaced;
using domain::erasure::Replacement;
using domain::erasure::Rule;
using domain::erasure::ScalarAt;

constexpr char kData[] = "data";
constexpr char kMetadata[] = "metadata";

absl::Status SubjectErased(const std::string& subject, const std::string& where) {
  domain::Error error;
  error.reason = domain::Reason::kSubjectErased;
  error.message = fmt::format(
      "{} is about {}, who was erased: there is no key to encrypt its fields with, and there will be none; nothing was "
      "written. Whether an earlier attempt of the same append was written can be read from the aggregate's stream",
      where, subject);
  error.metadata = {{"subject", subject}, {"field", where}};
  return domain::ToStatus(error);
}

}  // namespace

struct Vault::Field {
  domain::NewEvent* event;
  const char* name;  // kData or kMetadata
  Place place;
  std::string subject;
  std::string where;  // of the event, for errors
};

struct Vault::Plan {
  std::vector<Field> fields;  // of one event after the other, of each data first, in the order of the text
};

absl::StatusOr<std::unique_ptr<Vault>> Vault::Start(const VaultOptions& options, const std::string& conninfo,
                                                    const domain::Clock& clock, domain::IdMaker& ids) {
  if (options.master_key_file.empty()) {
    if (!options.rule_file.empty()) {
      return domain::InvalidField("erasure_rules",
                                  "needs erasure_master_key_file beside it: the fields it names are "
                                  "encrypted with keys that are wrapped with that one");
    }
    storage::Session session(conninfo, "start");
    if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return connected;
    auto known = storage::ReadMasterKey(session);
    if (!known.ok()) return known.status();
    if (!known->has_value()) return nullptr;
    return domain::ErrorOf(
        domain::Reason::kStoreIncompatible,
        fmt::format("fields of this store are encrypted, and this server has no master key: it would show them as they "
                    "are stored and write others in the open. Start it with erasure_master_key_file (fingerprint {}), "
                    "and with the erasure_rules of the other servers",
                    **known));
  }
  std::vector<Rule> rules;
  if (!options.rule_file.empty()) {
    auto read = ReadRuleFile(options.rule_file);
    if (!read.ok()) return read.status();
    rules = *std::move(read);
  }
  auto master = MasterKey::Read(options.master_key_file);
  if (!master.ok()) return master.status();
  auto keys = KeyRing::Start(conninfo, *std::move(master), clock, ids);
  if (!keys.ok()) return keys.status();
  return std::make_unique<Vault>(std::move(rules), *std::move(keys));
}

absl::Status Vault::Find(const domain::Append& append, domain::NewEvent& event, const std::string& where,
                         Plan& plan) const {
  std::vector<const Rule*> matching;
  for (const Rule& rule : rules_) {
    if (rule.Matches(append.aggregate_type, event.event_type)) matching.push_back(&rule);
  }
  if (matching.empty()) return absl::OkStatus();
  for (const bool in_data : {true, false}) {
    std::vector<const domain::erasure::Path*> paths;
    std::vector<const Rule*> of;
    for (const Rule* rule : matching) {
      for (const auto& path : in_data ? rule->data : rule->metadata) {
        paths.push_back(&path);
        of.push_back(rule);
      }
    }
    for (Place& place : FindValues(in_data ? event.data : event.metadata, paths)) {
      const Rule& rule = *of[place.path];
      const auto subject = rule.subject_is_user ? std::optional(event.user_id) : ScalarAt(event.data, rule.subject);
      const std::string named = where + (rule.subject_is_user ? ".user_id" : ".data");
      if (!subject || subject->empty()) {
        return domain::InvalidField(
            named, fmt::format("does not say whom {} is about, so it cannot be encrypted; a rule of erasure_rules "
                               "wants {} there",
                               place.pointer, rule.subject_is_user ? "a user" : "a text or a number"));
      }
      if (subject->size() > domain::erasure::kMaxSubjectBytes) {
        return domain::LimitExceeded(named, "max_subject_bytes", subject->size(), domain::erasure::kMaxSubjectBytes);
      }
      plan.fields.push_back({&event, in_data ? kData : kMetadata, std::move(place), *subject, where});
    }
  }
  return absl::OkStatus();
}

std::vector<absl::Status> Vault::Seal(std::span<domain::AppendBatch* const> batches) {
  std::vector<absl::Status> results(batches.size(), absl::OkStatus());
  if (rules_.empty()) return results;
  std::vector<Plan> plans(batches.size());
  std::set<std::string> subjects;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    domain::AppendBatch& batch = *batches[i];
    for (std::size_t a = 0; a < batch.appends.size() && results[i].ok(); ++a) {
      domain::Append& append = batch.appends[a];
      for (std::size_t e = 0; e < append.events.size() && results[i].ok(); ++e) {
        const std::string where =
            batch.single ? fmt::format("events[{}]", e) : fmt::format("appends[{}].events[{}]", a, e);
        results[i] = Find(append, append.events[e], where, plans[i]);
      }
    }
    if (!results[i].ok()) continue;
    for (const Field& field : plans[i].fields) subjects.insert(field.subject);
  }
  if (subjects.empty()) return results;
  const auto keys = keys_->Of({subjects.begin(), subjects.end()});
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const auto& fields = plans[i].fields;
    if (!results[i].ok() || fields.empty()) continue;
    if (!keys.ok()) {
      results[i] = keys.status();
      continue;
    }
    const auto erased = std::ranges::find_if(fields, [&](const Field& field) { return !keys->at(field.subject); });
    if (erased != fields.end()) {
      results[i] = SubjectErased(erased->subject, erased->where);
      continue;
    }
    for (auto field = fields.begin(); field != fields.end();) {
      domain::NewEvent* const event = field->event;
      const char* const name = field->name;
      std::string& text = name == kData ? event->data : event->metadata;
      std::vector<Replacement> replacements;
      for (; field != fields.end() && field->event == event && field->name == name; ++field) {
        const std::string_view value =
            std::string_view(text).substr(field->place.begin, field->place.end - field->place.begin);
        const auto envelope =
            keys->at(field->subject)->Seal(value, domain::erasure::BoundTo(event->id, name, field->place.pointer));
        replacements.push_back({field->place.begin, field->place.end, domain::erasure::ToJson(envelope)});
      }
      text = Replaced(text, replacements);
    }
  }
  return results;
}

absl::Status Vault::Open(std::span<const Contents> events) {
  struct Found {
    const Contents* event;
    bool in_data;
    domain::erasure::Wrapped wrapped;
    domain::erasure::Envelope envelope;
  };
  std::vector<Found> found;
  std::set<domain::Uuid> ids;
  for (const Contents& event : events) {
    for (const bool in_data : {true, false}) {
      const std::string& text = in_data ? *event.data : *event.metadata;
      if (text.find(domain::erasure::kEncryptedMark) == std::string::npos) continue;
      for (auto& wrapped : FindWrapped(text, domain::erasure::kEncryptedKey)) {
        auto envelope = domain::erasure::ParseEnvelope(wrapped.value);
        if (!envelope) continue;
        ids.insert(envelope->key_id);
        found.push_back({&event, in_data, std::move(wrapped), *std::move(envelope)});
      }
    }
  }
  if (found.empty()) return absl::OkStatus();
  const auto keys = keys_->ById({ids.begin(), ids.end()});
  if (!keys.ok()) return keys.status();
  for (auto one = found.begin(); one != found.end();) {
    const Contents* const event = one->event;
    const bool in_data = one->in_data;
    std::string& text = in_data ? *event->data : *event->metadata;
    std::vector<Replacement> replacements;
    for (; one != found.end() && one->event == event && one->in_data == in_data; ++one) {
      const Place& place = one->wrapped.place;
      const auto key = keys->find(one->envelope.key_id);
      if (key == keys->end()) continue;
      std::optional<std::string> value;
      if (!key->second) {
        value = domain::erasure::kErased;
      } else {
        // What does not open here was put here by somebody else: it stays as it is.
        value = key->second->Open(one->envelope,
                                  domain::erasure::BoundTo(*event->id, in_data ? kData : kMetadata, place.pointer));
      }
      if (value) replacements.push_back({place.begin, place.end, *std::move(value)});
    }
    text = Replaced(text, replacements);
  }
  return absl::OkStatus();
}

}  // namespace eventstore::erasure
