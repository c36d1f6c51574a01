#include "server/observability/log_format.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <chrono>
#include <ctime>

#include "fmt/format.h"
#include "server/domain/validation.h"

namespace eventstore::observability {
namespace {

// In a JSON log the message of such a line is followed by its fields, already JSON: ,"method":"…". The byte between them
// occurs in no JSON text.
constexpr char kFieldsFollow = '\x1f';
constexpr char kFieldsLogger[] = "fields";

// Any bytes as a JSON text; what is not UTF-8 as question marks.
std::string Quoted(std::string_view text) {
  std::string valid(text);
  if (!domain::IsValidUtf8(valid)) {
    for (char& c : valid) {
      if ((static_cast<unsigned char>(c) & 0x80) != 0) c = '?';
    }
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  return buffer.GetString();
}

std::string Shown(const LogValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.3f}", *number);
  return std::get<std::string>(value);
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    using std::chrono::floor;
    const auto ms = floor<std::chrono::milliseconds>(line.time);
    const auto seconds = floor<std::chrono::seconds>(ms);
    const std::time_t time = spdlog::log_clock::to_time_t(seconds);
    std::tm utc{};
    gmtime_r(&time, &utc);
    std::string_view message(line.payload.data(), line.payload.size());
    std::string_view fields;
    if (std::string_view(line.logger_name.data(), line.logger_name.size()) == kFieldsLogger) {
      const auto end = message.find(kFieldsFollow);
      if (end != std::string_view::npos) fields = message.substr(end + 1);
      message = message.substr(0, end);
    }
    const auto level = spdlog::level::to_string_view(line.level);
    fmt::format_to(std::back_inserter(out),
                   "{{\"time\":\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\",\"level\":\"{}\",\"message\":{}{}}}\n",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   (ms - seconds).count(), std::string_view(level.data(), level.size()), Quoted(message), fields);
  }

  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

std::unique_ptr<spdlog::formatter> MakeJsonFormatter() { return std::make_unique<JsonFormatter>(); }

Log::Log(LogFormat format, const std::string& level) : format_(format) {
  // One sink, so that lines do not mix.
  auto sink = std::make_shared<spdlog::sinks::stdout_color_sink_mt>();
  if (format == LogFormat::kJson) sink->set_formatter(MakeJsonFormatter());
  const auto threshold = spdlog::level::from_str(level);
  // Text shows the name of a logger that has one.
  with_fields_ = std::make_shared<spdlog::logger>(format == LogFormat::kJson ? kFieldsLogger : "", sink);
  with_fields_->set_level(threshold);
  auto plain = std::make_shared<spdlog::logger>("", sink);
  plain->set_level(threshold);
  spdlog::set_default_logger(std::move(plain));
}

void Log::Write(spdlog::level::level_enum level, std::string_view message, const LogFields& fields) const {
  if (!with_fields_->should_log(level)) return;
  std::string line(message);
  if (format_ == LogFormat::kJson) line += kFieldsFollow;
  for (const auto& [name, value] : fields) {
    const bool is_text = std::holds_alternative<std::string>(value);
    line += format_ == LogFormat::kText
                ? fmt::format(" {}={}", name, Shown(value))
                : fmt::format(",\"{}\":{}", name, is_text ? Quoted(Shown(value)) : Shown(value));
  }
  with_fields_->log(level, line);
}

}  // namespace eventstore::observability
