#include "rpc/net/connection_order.h"

namespace prism::rpc {

void ConnectionOrder::Add(Entry& entry, ConnectionRank rank) {
  entry.rank_ = rank;
  List& list = ListOf(entry);
  entry.next_ = nullptr;
  entry.prev_ = list.tail;
  (list.tail != nullptr ? list.tail->next_ : list.head) = &entry;
  list.tail = &entry;
}

void ConnectionOrder::Remove(Entry& entry) {
  List& list = ListOf(entry);
  (entry.prev_ != nullptr ? entry.prev_->next_ : list.head) = entry.next_;
  (entry.next_ != nullptr ? entry.next_->prev_ : list.tail) = entry.prev_;
}

void ConnectionOrder::Move(Entry& entry, ConnectionRank rank) {
  Remove(entry);
  Add(entry, rank);
}

ConnectionOrder::Entry* ConnectionOrder::LeastMissed() const {
  for (const List& list : lists_) {
    if (&list == &lists_[static_cast<std::size_t>(ConnectionRank::kBusy)]) break;
    if (list.head != nullptr) return list.head;
  }
  return nullptr;
}

}  // namespace prism::rpc
