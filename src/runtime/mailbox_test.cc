#include "runtime/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/testing/rounds.h"

namespace prism::runtime {
namespace {

class Message final : public MailboxItem {
 public:
  explicit Message(std::function<void()> run) : run_(std::move(run)) {}
  void Run() override { run_(); }

 private:
  std::function<void()> run_;
};

TEST(MailboxTest, RunsInOrderAndSaysWhenItWasEmpty) {
  Mailbox mailbox;
  std::vector<int> order;
  Message first([&] { order.push_back(1); });
  Message second([&] { order.push_back(2); });
  EXPECT_TRUE(mailbox.empty());
  EXPECT_TRUE(mailbox.Push(first));
  EXPECT_FALSE(mailbox.Push(second));
  EXPECT_FALSE(mailbox.empty());
  EXPECT_EQ(mailbox.RunAll(), 2);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_TRUE(mailbox.empty());
  EXPECT_EQ(mailbox.RunAll(), 0);
}

TEST(MailboxTest, AnItemMayDestroyItselfAndPushAnother) {
  Mailbox mailbox;
  int runs = 0;
  Message again([&] { ++runs; });
  auto own = std::make_unique<Message>([] {});
  Message destroys([&] {
    own.reset();
    mailbox.Push(again);
  });
  mailbox.Push(destroys);
  EXPECT_EQ(mailbox.RunAll(), 1);
  EXPECT_EQ(runs, 0);  // pushed in between: the next batch
  EXPECT_EQ(mailbox.RunAll(), 1);
  EXPECT_EQ(runs, 1);
}

struct Numbered final : MailboxItem {
  void Run() override {
    in_order = in_order && *last == number - 1;
    *last = number;
  }
  int number = 0;
  int* last = nullptr;
  inline static bool in_order = true;
};

TEST(MailboxStressTest, ManyProducersLoseNothingAndKeepTheirOrder) {
  constexpr std::size_t kProducers = 6;
  const auto messages = static_cast<std::size_t>(base::Rounds(20'000, 2'000'000));
  Mailbox mailbox;
  std::vector<int> last(kProducers, -1);
  std::vector<std::vector<Numbered>> items(kProducers);
  std::atomic<std::int64_t> wakes = 0;
  std::vector<std::thread> producers;
  for (std::size_t p = 0; p < kProducers; ++p) {
    items[p] = std::vector<Numbered>(messages);
    producers.emplace_back([&, p] {
      for (std::size_t i = 0; i < messages; ++i) {
        items[p][i].number = static_cast<int>(i);
        items[p][i].last = &last[p];
        if (mailbox.Push(items[p][i])) wakes.fetch_add(1);
      }
    });
  }
  std::size_t ran = 0;
  std::int64_t batches = 0;
  while (ran < kProducers * messages) {
    const int batch = mailbox.RunAll();
    if (batch == 0) std::this_thread::yield();
    if (batch > 0) ++batches;
    ran += static_cast<std::size_t>(batch);
  }
  for (auto& producer : producers) producer.join();
  EXPECT_TRUE(Numbered::in_order);
  EXPECT_EQ(last, std::vector<int>(kProducers, static_cast<int>(messages) - 1));
  EXPECT_EQ(wakes.load(), batches) << "one wake for each batch";
  EXPECT_TRUE(mailbox.empty());
}

}  // namespace
}  // namespace prism::runtime
