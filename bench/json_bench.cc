// JSON into messages and back: a small Set and a batch of 100 of them, beside the protobuf library
// and beside the tokenizer alone, which is the floor of reading.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <string>

#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/json/json_codec.h"
#include "rpc/json/json_tape.h"

namespace prism::rpc {
namespace {

using google::protobuf::Message;
using keyvalue::v1::BatchSetRequest;
using keyvalue::v1::SetRequest;

constexpr std::size_t kValueBytes = 100;
constexpr int kItems = 100;

SetRequest OneSet() {
  SetRequest request;
  request.set_namespace_("scratch");
  request.set_key("user:0000000000000001");
  request.set_value(std::string(kValueBytes, 'v'));
  request.mutable_ttl()->set_seconds(60);
  (*request.mutable_tags())["owner"] = "search";
  return request;
}

BatchSetRequest ManySets() {
  BatchSetRequest request;
  request.set_namespace_("scratch");
  for (int i = 0; i < kItems; ++i) {
    auto& item = *request.add_items();
    item.set_key(fmt::format("user:{:016x}", i));
    item.set_value(std::string(kValueBytes, 'v'));
  }
  return request;
}

std::string TextOf(const Message& message) {
  std::string text;
  if (!WriteJson(message, text)) std::abort();
  return text;
}

void SetBytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

template <class T>
void Read(benchmark::State& state, const T& message) {
  const std::string text = TextOf(message);
  T into;
  for (auto _ : state) {
    if (!ParseJson(text, into)) std::abort();
    benchmark::DoNotOptimize(into);
  }
  SetBytes(state, text);
}

template <class T>
void ReadByLibrary(benchmark::State& state, const T& message) {
  const std::string text = TextOf(message);
  T into;
  for (auto _ : state) {
    into.Clear();  // the library adds to what is there
    if (!google::protobuf::util::JsonStringToMessage(text, &into).ok()) std::abort();
    benchmark::DoNotOptimize(into);
  }
  SetBytes(state, text);
}

template <class T>
void ReadTokensAlone(benchmark::State& state, const T& message) {
  const std::string text = TextOf(message);
  for (auto _ : state) {
    auto tape = JsonTape::Parse(text, JsonOptions{}.max_depth);
    benchmark::DoNotOptimize(tape);
  }
  SetBytes(state, text);
}

template <class T>
void Write(benchmark::State& state, const T& message) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!WriteJson(message, out)) std::abort();
    benchmark::DoNotOptimize(out);
  }
  SetBytes(state, out);
}

template <class T>
void WriteByLibrary(benchmark::State& state, const T& message) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!google::protobuf::util::MessageToJsonString(message, &out).ok()) std::abort();
    benchmark::DoNotOptimize(out);
  }
  SetBytes(state, out);
}

BENCHMARK_CAPTURE(Read, Set, OneSet());
BENCHMARK_CAPTURE(ReadByLibrary, Set, OneSet());
BENCHMARK_CAPTURE(ReadTokensAlone, Set, OneSet());
BENCHMARK_CAPTURE(Write, Set, OneSet());
BENCHMARK_CAPTURE(WriteByLibrary, Set, OneSet());
BENCHMARK_CAPTURE(Read, BatchSet, ManySets());
BENCHMARK_CAPTURE(ReadByLibrary, BatchSet, ManySets());
BENCHMARK_CAPTURE(ReadTokensAlone, BatchSet, ManySets());
BENCHMARK_CAPTURE(Write, BatchSet, ManySets());
BENCHMARK_CAPTURE(WriteByLibrary, BatchSet, ManySets());

}  // namespace
}  // namespace prism::rpc
