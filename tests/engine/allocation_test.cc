// What the engine allocates for a call. This program counts what passes through operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "engine/testing/harness.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"

namespace {

thread_local int allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace prism::engine::testing {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

class Allocations : public ::testing::Test {
 protected:
  // Allocations of the call alone, when frames and the arena's blocks are warm.
  template <class Request, class Response>
  int Of(runtime::Task<Status> (KeyValueBasic::*method)(contract::CallContext&, const Request&,
                                                        Response&),
         const std::string& key, const std::string& value) {
    auto& basic = engine_.service<KeyValueBasic>();
    int counted = 0;
    for (int round = 0; round < 3; ++round) {
      arena_.Reset();
      contract::CallContext ctx(arena_);
      ctx.now = engine_.clock.Now();
      auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena_);
      request->set_key(key);
      if constexpr (requires { request->set_value(value); }) request->set_value(value);
      auto* response = google::protobuf::Arena::CreateMessage<Response>(&arena_);
      const int before = allocations;
      const Status status = RunNow((basic.*method)(ctx, *request, *response));
      counted = allocations - before;
      EXPECT_TRUE(status);
    }
    return counted;
  }

  static google::protobuf::ArenaOptions WithBlock(std::string& block) {
    google::protobuf::ArenaOptions options;
    options.initial_block = block.data();
    options.initial_block_size = block.size();
    return options;
  }

  std::string block_ = std::string(16 * 1024, '\0');
  google::protobuf::Arena arena_{WithBlock(block_)};
  MemoryEngine engine_;
};

TEST_F(Allocations, AGetAllocatesItsValueAndNothingElse) {
  const std::string key = "a key of more than fifteen bytes";
  Of(&KeyValueBasic::Set, key, std::string(100, 'v'));
  EXPECT_EQ(Of(&KeyValueBasic::Get, key, ""), 1);
  EXPECT_EQ(Of(&KeyValueBasic::Get, std::string("missing"), ""), 0);
}

TEST_F(Allocations, AnOverwriteAllocatesWhatIsStored) {
  const std::string key = "a key of more than fifteen bytes";
  EXPECT_EQ(Of(&KeyValueBasic::Set, key, std::string(100, 'v')), 1);
}

}  // namespace
}  // namespace prism::engine::testing
