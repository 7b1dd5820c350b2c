// The only way into a shard from another thread: an intrusive multi-producer, single-consumer queue
// with one eventfd wake per batch.
#pragma once

#include <atomic>

namespace prism::runtime {

// A message. Run() is called once, on the shard's thread; the node may destroy itself in it.
class MailboxItem {
 public:
  virtual void Run() = 0;

 protected:
  ~MailboxItem() = default;

 private:
  friend class Mailbox;
  MailboxItem* next_ = nullptr;
};

class Mailbox {
 public:
  // Any thread. True when the queue was empty, so that the caller must wake the consumer.
  bool Push(MailboxItem& item);
  // Consumer thread: runs everything that is there now, in order of arrival for each producer.
  // Returns how many items ran.
  int RunAll();
  // Any thread. Sequentially consistent with Push: a consumer that says "I sleep" in an atomic and
  // then finds the mailbox empty is seen asleep by whoever pushes next.
  bool empty() const { return head_.load() == nullptr; }

 private:
  std::atomic<MailboxItem*> head_ = nullptr;
};

}  // namespace prism::runtime
