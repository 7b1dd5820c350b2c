#include "cli/bench/workload.h"

#include <fmt/format.h>

#include <utility>

#include "cli/bench/wire.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::cli {
namespace {

namespace kv = ::prism::keyvalue::v1;

std::string WithGrpcPrefix(const google::protobuf::Message& message) {
  std::string out(1, '\0');  // not compressed
  const std::string body = message.SerializeAsString();
  AppendUint32(out, static_cast<std::uint32_t>(body.size()));
  return out + body;
}

Error BadOption(std::string_view option, std::string_view bounds) {
  return {Code::kInvalidArgument, "BENCH_OPTION", fmt::format("{}: use {}", option, bounds)};
}

}  // namespace

std::string_view PathOf(BenchOperation operation) {
  return operation == BenchOperation::kGet ? "/prism.keyvalue.v1.KeyValueBasic/Get"
                                           : "/prism.keyvalue.v1.KeyValueBasic/Set";
}

Result<Workload> Workload::Create(const WorkloadOptions& options) {
  if (options.keys < 1 || options.keys > 1'000'000)
    return std::unexpected(BadOption("--keys", "1 to 1000000"));
  if (options.value_bytes > 16'000)
    return std::unexpected(BadOption("--value-size", "0 to 16000 bytes"));
  if (options.set_percent > 100) return std::unexpected(BadOption("--set-percent", "0 to 100"));
  if (options.check_every < 1) return std::unexpected(BadOption("--check-every", "1 or more"));
  return Workload(options);
}

Workload::Workload(const WorkloadOptions& options) : options_(options) {
  gets_.reserve(options.keys);
  sets_.reserve(options.keys);
  for (std::uint32_t i = 0; i < options.keys; ++i) {
    const std::string key = fmt::format("bench-{:07}", i);
    kv::GetRequest get;
    get.set_namespace_(options.ns);
    get.set_key(key);
    gets_.push_back(WithGrpcPrefix(get));
    kv::SetRequest set;
    set.set_namespace_(options.ns);
    set.set_key(key);
    set.set_value(ValueOf(i));
    sets_.push_back(WithGrpcPrefix(set));
  }
}

// Different for every key, so that an answer to another request can't pass for the right one.
std::string Workload::ValueOf(std::uint32_t key) const {
  const std::string pattern = fmt::format("{:08x}.", key * 2654435761u);
  std::string value;
  value.reserve(options_.value_bytes);
  while (value.size() < options_.value_bytes)
    value.append(pattern, 0, options_.value_bytes - value.size());
  return value;
}

bool Workload::Matches(const BenchRequest& request, std::string_view response) const {
  if (request.operation == BenchOperation::kSet) {
    kv::SetResponse set;
    return set.ParseFromArray(response.data(), static_cast<int>(response.size())) &&
           !set.version().empty();
  }
  kv::GetResponse get;
  return get.ParseFromArray(response.data(), static_cast<int>(response.size())) && get.found() &&
         get.value() == ValueOf(request.key);
}

BenchRequest RequestPicker::Next() {
  const WorkloadOptions& options = workload_.options();
  const bool checked = until_check_ == 0;
  until_check_ = checked ? options.check_every - 1 : until_check_ - 1;
  const auto key = static_cast<std::uint32_t>(random_() % options.keys);
  const bool set = options.set_percent > 0 && random_() % 100 < options.set_percent;
  return set ? workload_.Set(key, checked) : workload_.Get(key, checked);
}

}  // namespace prism::cli
