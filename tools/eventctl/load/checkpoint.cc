#include "tools/eventctl/load/checkpoint.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {

void Watermark::Began(const Place& begin) {
  const std::lock_guard lock(mutex_);
  open_.emplace(begin.bytes, begin.lines);
}

void Watermark::Done(const Place& begin) {
  const std::lock_guard lock(mutex_);
  open_.erase(open_.find({begin.bytes, begin.lines}));
}

void Watermark::Read(const Place& place) {
  const std::lock_guard lock(mutex_);
  read_ = place;
}

Place Watermark::Reached() const {
  const std::lock_guard lock(mutex_);
  if (open_.empty()) return read_;
  return {.bytes = open_.begin()->first, .lines = open_.begin()->second};
}

StateFile::StateFile(std::string path, std::string input, std::uint64_t fingerprint)
    : path_(std::move(path)), input_(std::move(input)), fingerprint_(fingerprint) {}

absl::StatusOr<std::optional<Place>> StateFile::Load() const {
  if (!std::filesystem::exists(path_)) return std::nullopt;
  std::ifstream file(path_);
  const auto json = nlohmann::json::parse(file, nullptr, false);
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number_unsigned()) return std::nullopt;
    return json[name].get<std::uint64_t>();
  };
  const auto fingerprint = number("fingerprint");
  const auto bytes = number("bytes");
  const auto lines = number("lines");
  if (!fingerprint || !bytes || !lines) {
    return absl::InvalidArgumentError(path_ + " is not a state file of eventctl load; give another --state");
  }
  if (*fingerprint != fingerprint_) {
    return absl::InvalidArgumentError(
        fmt::format("{} is about another input than {}; remove it, or give another --state", path_, input_));
  }
  return Place{.bytes = *bytes, .lines = *lines};
}

absl::Status StateFile::Save(const Place& place) const {
  const std::string beside = path_ + ".new";
  const auto failed = [&] {
    return absl::FailedPreconditionError(fmt::format("cannot write {}: {}", beside, std::strerror(errno)));
  };
  std::ofstream file(beside, std::ios::trunc);
  file << JsonObject()
              .Add("input", input_)
              .Add("fingerprint", fingerprint_)
              .Add("bytes", place.bytes)
              .Add("lines", place.lines)
              .Text()
       << '\n';
  file.close();
  if (!file) return failed();
  if (std::rename(beside.c_str(), path_.c_str()) != 0) return failed();
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
