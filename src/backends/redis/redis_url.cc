#include "backends/redis/redis_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/percent.h"
#include "base/strings.h"
#include "base/units.h"

namespace prism::backends {
namespace {

constexpr int kMaxDatabase = 65'535;
constexpr int kMaxInFlight = 65'536;
constexpr int kMaxConnections = 1024;

Error BadUrl(std::string why) {
  return Error(Code::kInvalidArgument, "BAD_REDIS_URL",
               fmt::format("the connection to Redis is wrong: {}; write "
                           "redis://HOST:PORT/DATABASE, rediss://... for TLS, or unix:/PATH",
                           why));
}

Result<std::string> Decode(std::string_view part, std::string_view what) {
  std::string out;
  for (std::size_t at = 0; at < part.size(); ++at) {
    if (part[at] != '%') {
      out += part[at];
      continue;
    }
    const auto octet = base::PercentEscapeAt(part, at);
    if (!octet) {
      return std::unexpected(
          BadUrl(fmt::format("a '%' in the {} is not followed by two hexadecimal digits", what)));
    }
    out += *octet;
    at += 2;
  }
  if (out.find('\0') != std::string::npos) {
    return std::unexpected(BadUrl(fmt::format("there is a NUL in the {}", what)));
  }
  return out;
}

Result<int> Number(std::string_view text, std::string_view what, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return std::unexpected(
        BadUrl(fmt::format("{} is a whole number from {} to {}", what, least, most)));
  }
  return value;
}

Result<MonoNanos> Timeout(const std::string& text, std::string_view what) {
  const auto duration = base::ParseDuration(text);
  if (!duration || duration->count() < 1 || duration->count() > 3'600'000) {
    return std::unexpected(
        BadUrl(fmt::format("{} is a duration from 1ms to 1h, such as 2s", what)));
  }
  return duration->count() * kNanosPerMilli;
}

// CLIENT SETNAME takes printable characters without spaces (src/networking.c).
bool IsClientName(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
}

constexpr std::array<std::string_view, 10> kOptions = {
    "database",      "client_name", "connect_timeout", "silence_timeout", "max_connections",
    "max_in_flight", "ca_file",     "cert_file",       "key_file",        "server_name"};

Error UnknownOption(const std::string& key) {
  const std::vector<std::string> known(kOptions.begin(), kOptions.end());
  const auto nearest = base::NearestMatch(key, known);
  return BadUrl(nearest ? fmt::format("there is no option of that name; {} is meant?", *nearest)
                        : fmt::format("it has an option that does not exist; there are {}",
                                      fmt::join(known, ", ")));
}

// Nothing: not an option of TLS.
std::optional<Status> TakeTlsOption(RedisUrl& url, const std::string& key,
                                    const std::string& value) {
  constexpr std::array<std::pair<std::string_view, std::string rpc::ClientTlsOptions::*>, 4>
      kFiles = {{{"ca_file", &rpc::ClientTlsOptions::ca_file},
                 {"cert_file", &rpc::ClientTlsOptions::cert_file},
                 {"key_file", &rpc::ClientTlsOptions::key_file},
                 {"server_name", &rpc::ClientTlsOptions::server_name}}};
  for (const auto& [name, member] : kFiles) {
    if (key != name) continue;
    if (!url.options.tls) {
      return std::unexpected(BadUrl(fmt::format("{} needs TLS, that is rediss://", key)));
    }
    (*url.options.tls).*member = value;
    return Status();
  }
  return std::nullopt;
}

Status TakeOption(RedisUrl& url, const std::string& key, const std::string& value) {
  RedisOptions& options = url.options;
  if (auto tls = TakeTlsOption(url, key, value)) return *std::move(tls);
  if (key == "database") {
    TRY_ASSIGN(options.database, Number(value, key, 0, kMaxDatabase));
  } else if (key == "client_name") {
    if (!IsClientName(value)) {
      return std::unexpected(
          BadUrl("client_name has 1 to 64 printable ASCII characters without spaces"));
    }
    options.client_name = value;
  } else if (key == "connect_timeout") {
    TRY_ASSIGN(options.connect_timeout, Timeout(value, key));
  } else if (key == "silence_timeout") {
    TRY_ASSIGN(options.silence_timeout, Timeout(value, key));
  } else if (key == "max_connections") {
    TRY_ASSIGN(url.max_connections, Number(value, key, 1, kMaxConnections));
  } else if (key == "max_in_flight") {
    TRY_ASSIGN(const int most, Number(value, key, 1, kMaxInFlight));
    options.limits.in_flight = std::bit_ceil(static_cast<std::size_t>(most));
  } else {
    return std::unexpected(UnknownOption(key));
  }
  return {};
}

Status TakeOptions(RedisUrl& url, std::string_view query) {
  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return std::unexpected(BadUrl("an option has no value: write ?option=value"));
    }
    TRY_ASSIGN(std::string key, Decode(pair.substr(0, equals), "options"));
    TRY_ASSIGN(const std::string value, Decode(pair.substr(equals + 1), "options"));
    if (std::ranges::find(seen, key) != seen.end()) {
      return std::unexpected(BadUrl("an option is given twice"));
    }
    TRY(TakeOption(url, key, value));
    seen.push_back(std::move(key));
  }
  return {};
}

Status TakeUser(RedisUrl& url, std::string_view user) {
  const std::size_t colon = user.find(':');
  TRY_ASSIGN(url.credentials.username, Decode(user.substr(0, colon), "user"));
  if (colon == std::string_view::npos) return {};
  TRY_ASSIGN(url.credentials.password, Decode(user.substr(colon + 1), "password"));
  return {};
}

Status TakeHost(RedisUrl& url, std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) TRY(TakeUser(url, authority.substr(0, at)));
  std::string host(authority.substr(at == std::string_view::npos ? 0 : at + 1));
  if (host.empty() || host.front() == ':') return std::unexpected(BadUrl("the host is missing"));
  const bool has_port = host.ends_with(']') ? false : host.find(':') != std::string::npos;
  if (!has_port) host += ":6379";
  auto target = rpc::ClientTarget::Parse(host);
  if (!target) {
    return std::unexpected(
        BadUrl("HOST:PORT is a name or an address (IPv6 in brackets) and a port within 1..65535"));
  }
  url.options.target = *std::move(target);
  return {};
}

Status TakePath(RedisUrl& url, std::string_view path) {
  if (path.empty()) return {};
  TRY_ASSIGN(url.options.database, Number(path, "the database behind the '/'", 0, kMaxDatabase));
  return {};
}

Result<RedisUrl> ParseUnix(std::string_view rest) {
  RedisUrl url;
  const std::size_t mark = rest.find('?');
  std::string_view path = rest.substr(0, mark);
  while (path.starts_with("//")) path.remove_prefix(1);  // unix:///path
  TRY_ASSIGN(const std::string decoded, Decode(path, "path"));
  if (!decoded.starts_with('/')) {
    return std::unexpected(BadUrl("the path of a socket begins with '/'"));
  }
  auto target = rpc::ClientTarget::Parse("unix:" + decoded);
  if (!target) return std::unexpected(BadUrl("the path of a socket has at most 107 bytes"));
  url.options.target = *std::move(target);
  if (mark != std::string_view::npos) TRY(TakeOptions(url, rest.substr(mark + 1)));
  return url;
}

}  // namespace

Result<RedisUrl> ParseRedisUrl(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return ParseUnix(text.substr(kUnix.size()));
  RedisUrl url;
  std::string_view rest;
  if (text.starts_with("redis://")) {
    rest = text.substr(8);
  } else if (text.starts_with("rediss://")) {
    rest = text.substr(9);
    url.options.tls.emplace();
  } else {
    return std::unexpected(BadUrl("it begins with none of the schemes"));
  }
  if (rest.find('#') != std::string_view::npos) {
    return std::unexpected(BadUrl("a '#' has no meaning in it: write %23 in names and passwords"));
  }
  const std::size_t mark = rest.find('?');
  const std::string_view front = rest.substr(0, mark);
  const std::size_t slash = front.find('/');
  TRY(TakeHost(url, front.substr(0, slash)));
  if (slash != std::string_view::npos) TRY(TakePath(url, front.substr(slash + 1)));
  if (mark != std::string_view::npos) TRY(TakeOptions(url, rest.substr(mark + 1)));
  return url;
}

}  // namespace prism::backends
