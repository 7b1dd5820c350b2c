// What a load run asks for and what it expects back.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::cli {

enum class BenchOperation : std::uint8_t { kGet, kSet };

struct WorkloadOptions {
  std::string ns = "scratch";
  std::uint32_t keys = 10'000;      // distinct keys, 1..1,000,000
  std::uint32_t value_bytes = 100;  // 0..16,000
  std::uint32_t set_percent = 0;    // share of Set among the requests, 0..100
  std::uint32_t check_every = 64;   // every n-th response is decoded and compared
};

// One request, ready for the wire.
struct BenchRequest {
  BenchOperation operation = BenchOperation::kGet;
  std::uint32_t key = 0;
  bool checked = false;      // the response will be decoded and compared
  std::string_view message;  // gRPC length-prefixed message, valid as long as the workload
};

// The path of an operation, "/package.Service/Method".
std::string_view PathOf(BenchOperation operation);

// Immutable bodies for every key, shared by all load threads.
class Workload {
 public:
  static Result<Workload> Create(const WorkloadOptions& options);

  const WorkloadOptions& options() const { return options_; }
  BenchRequest Get(std::uint32_t key, bool checked) const {
    return {BenchOperation::kGet, key, checked, gets_[key]};
  }
  BenchRequest Set(std::uint32_t key, bool checked) const {
    return {BenchOperation::kSet, key, checked, sets_[key]};
  }
  // Decodes a response message (without the gRPC prefix) and compares it with what the request must
  // give.
  bool Matches(const BenchRequest& request, std::string_view response) const;

 private:
  explicit Workload(const WorkloadOptions& options);
  std::string ValueOf(std::uint32_t key) const;

  WorkloadOptions options_;
  std::vector<std::string> gets_;
  std::vector<std::string> sets_;
};

// Picks the requests of one thread, by a seeded generator.
class RequestPicker {
 public:
  RequestPicker(const Workload& workload, std::uint64_t seed)
      : workload_(workload), random_(seed) {}
  BenchRequest Next();

 private:
  const Workload& workload_;
  std::minstd_rand random_;
  std::uint32_t until_check_ = 0;
};

}  // namespace prism::cli
