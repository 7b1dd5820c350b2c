#include "runtime/mailbox.h"

#include <utility>

namespace prism::runtime {

bool Mailbox::Push(MailboxItem& item) {
  MailboxItem* head = head_.load(std::memory_order_relaxed);
  do {
    item.next_ = head;
  } while (!head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
  return head == nullptr;
}

int Mailbox::RunAll() {
  // The list is newest first: turn it round, so that each producer's items run in its order.
  MailboxItem* newest = head_.exchange(nullptr, std::memory_order_acquire);
  MailboxItem* oldest = nullptr;
  while (newest != nullptr) {
    MailboxItem* next = std::exchange(newest->next_, oldest);
    oldest = std::exchange(newest, next);
  }
  int ran = 0;
  while (oldest != nullptr) {
    MailboxItem& item = *std::exchange(oldest, oldest->next_);  // Run may destroy the item
    item.Run();
    ++ran;
  }
  return ran;
}

}  // namespace prism::runtime
