// A model that src/engine does not know, beside the ones that it does.
#include <gtest/gtest.h>

#include <vector>

#include "engine/testing/harness.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"
#include "tally/v1/tally.pb.h"
#include "tally/v1/tally.prism.h"
#include "tests/engine/tally_model.h"

namespace prism::engine::testing {
namespace {

using tally::v1::TallyBasic;

template <class T>
std::vector<const T*> With(std::span<const T* const> known, const T& added) {
  std::vector<const T*> all(known.begin(), known.end());
  all.push_back(&added);
  return all;
}

class ToyModel : public ::testing::Test {
 protected:
  std::shared_ptr<contract::NamespaceBackend> Open(std::uint64_t max_keys = 0) {
    return *(*backend_)->Open({.name = "test", .max_keys = max_keys});
  }
  static TallyBasic& Tally(contract::NamespaceBackend& ns) {
    return *static_cast<TallyBasic*>(ns.Find(TallyBasic::kInterface));
  }
  static Result<std::int64_t> Add(contract::NamespaceBackend& ns, const std::string& name,
                                  std::int64_t amount, const std::string& request_id = "") {
    TestCall call(1000);
    tally::v1::AddRequest request;
    request.set_name(name);
    request.set_amount(amount);
    request.set_request_id(request_id);
    tally::v1::AddResponse response;
    TRY(RunNow(Tally(ns).Add(*call, request, response)));
    return response.sum();
  }

  ManualClock clock_{1000};
  models::MemoryBudget budget_{1u << 20};
  LocalEngine engine_{{}, clock_, budget_, With(BuiltinModels(), kTallyModel)};
  std::vector<const MemoryModel*> stores_ = With(BuiltinMemoryModels(), kTallyInMemory);
  Result<std::unique_ptr<MemoryBackend>> backend_ = MemoryBackend::Make(engine_, stores_);
};

TEST_F(ToyModel, IsServedBesideTheOthers) {
  const auto ns = Open();
  EXPECT_EQ(*Add(*ns, "a", 2), 2);
  EXPECT_EQ(*Add(*ns, "a", 3), 5);
  TestCall call(1000);
  tally::v1::ReadRequest request;
  request.set_name("a");
  tally::v1::ReadResponse response;
  ASSERT_TRUE(RunNow(Tally(*ns).Read(*call, request, response)));
  EXPECT_EQ(response.sum(), 5);
  EXPECT_EQ(ns->Interfaces().size(), 7U);
  EXPECT_NE(ns->Find(keyvalue::v1::KeyValueBasic::kInterface), nullptr);
}

TEST_F(ToyModel, GetsRequestIdsAndQuotasFromTheEngine) {
  const auto ns = Open(1);
  EXPECT_EQ(*Add(*ns, "a", 2, "id"), 2);
  EXPECT_EQ(*Add(*ns, "a", 2, "id"), 2);
  EXPECT_EQ(Add(*ns, "b", 1).error().reason(), "QUOTA_EXCEEDED");
}

TEST_F(ToyModel, AnEngineWithoutItsStoreIsRefused) {
  const auto refused = MemoryBackend::Make(engine_, BuiltinMemoryModels());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "MODEL_WITHOUT_STORE");
}

TEST_F(ToyModel, AnEngineWithoutTheModelDoesNotHaveIt) {
  const MemoryEngine plain;
  EXPECT_EQ(plain.ns->Find(TallyBasic::kInterface), nullptr);
  EXPECT_EQ(plain.ns->Interfaces().size(), 6U);
}

TEST_F(ToyModel, ANamespaceIsOneHoweverOftenItIsOpened) {
  const auto first = Open();
  EXPECT_EQ(*Add(*first, "a", 2), 2);
  const auto second = Open(1);
  EXPECT_EQ(first, second);
  EXPECT_EQ(Add(*first, "b", 1).error().reason(), "QUOTA_EXCEEDED")
      << "new settings reach what is open";
}

}  // namespace
}  // namespace prism::engine::testing
