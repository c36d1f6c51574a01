// What is fuzzed: functions that must cope with any bytes. Each returns what was wrong, empty when all is well, so that
// libFuzzer and ordinary tests can share them.
#pragma once

#include <string>

namespace eventstore::fuzz {

std::string CheckJsonObject(const std::string& input);
std::string CheckUuid(const std::string& input);
// As the headers "traceparent" and "x-request-id" of a call.
std::string CheckTraceparent(const std::string& input);

// The bytes of an archive file, and of a manifest.
std::string CheckArchive(const std::string& input);

// As a token of a call, as the claims of one whose signature is good, as a JWKS, and as a file of identities.
std::string CheckJwt(const std::string& input);

// A mapping file of eventctl migrate-events, and what it makes of a row.
std::string CheckMapping(const std::string& input);

// A file of --erasure-rules, and a payload in which encrypted values are looked for.
std::string CheckErasure(const std::string& input);

// Takes the input for each request of EventStore in turn, as it would come off the wire.
std::string CheckRequest(const std::string& input);
// The same for Operations, Analytics and Housekeeper.
std::string CheckRecordRequest(const std::string& input);

// As the page_token or resume_token of whatever has one.
std::string CheckToken(const std::string& input);

// A config file; and what --print-config makes of it, which is one too.
std::string CheckConfig(const std::string& input);

}  // namespace eventstore::fuzz
