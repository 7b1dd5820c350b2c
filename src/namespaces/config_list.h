// Configurations by name, shared by the snapshots that have them: a snapshot that differs from
// another in one of ten thousand namespaces costs ten thousand references, not copies.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace prism::namespaces {

// To its readers a vector of const T. Thread rule: as of a vector; what is in it is immutable.
template <class T>
class ConfigList {
 public:
  using Item = std::shared_ptr<const T>;

  class Iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::random_access_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;

    Iterator() = default;
    explicit Iterator(const Item* item) : item_(item) {}
    reference operator*() const { return **item_; }
    pointer operator->() const { return item_->get(); }
    reference operator[](difference_type n) const { return *item_[n]; }
    // The element as it is shared.
    const Item& item() const { return *item_; }
    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this += -1; }
    Iterator operator++(int) { return Iterator(item_++); }
    Iterator operator--(int) { return Iterator(item_--); }
    Iterator& operator+=(difference_type n) {
      item_ += n;
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    friend Iterator operator+(Iterator it, difference_type n) { return it += n; }
    friend Iterator operator+(difference_type n, Iterator it) { return it += n; }
    friend Iterator operator-(Iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(Iterator a, Iterator b) { return a.item_ - b.item_; }
    friend auto operator<=>(Iterator, Iterator) = default;

   private:
    const Item* item_ = nullptr;
  };
  using iterator = Iterator;
  using const_iterator = Iterator;
  using value_type = T;

  ConfigList() = default;
  ConfigList(std::initializer_list<T> configs) : ConfigList(std::vector<T>(configs)) {}
  ConfigList(
      std::vector<T> configs) {  // NOLINT(google-explicit-constructor): the same to its users
    reserve(configs.size());
    for (T& config : configs) push_back(std::move(config));
  }

  Iterator begin() const { return Iterator(items_.data()); }
  Iterator end() const { return Iterator(items_.data() + items_.size()); }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  const T& operator[](std::size_t i) const { return *items_[i]; }
  const T& front() const { return *items_.front(); }
  const T& back() const { return *items_.back(); }

  void reserve(std::size_t size) { items_.reserve(size); }
  void push_back(T config) { items_.push_back(std::make_shared<const T>(std::move(config))); }
  void push_back(Item item) { items_.push_back(std::move(item)); }
  void insert(Iterator before, T config) {
    items_.insert(items_.begin() + (before - begin()),
                  std::make_shared<const T>(std::move(config)));
  }
  template <class Predicate>
  void EraseIf(const Predicate& predicate) {
    std::erase_if(items_, [&predicate](const Item& item) { return predicate(*item); });
  }
  void SortByName() {
    std::ranges::sort(items_, {}, [](const Item& item) -> const auto& { return item->name; });
  }

  // What is shared is not looked at.
  friend bool operator==(const ConfigList& a, const ConfigList& b) {
    return std::ranges::equal(a.items_, b.items_,
                              [](const Item& x, const Item& y) { return x == y || *x == *y; });
  }

 private:
  std::vector<Item> items_;
};

}  // namespace prism::namespaces
