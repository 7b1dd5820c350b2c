// Objects by name, each made once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"

namespace prism::sqlite {

// Keeps what was made until it is dropped, or destroyed itself. Thread-safe.
template <class T>
class KeyedObjects {
 public:
  // `make` answers Result<std::shared_ptr<T>>. It runs under the lock, so that a file is opened by
  // one thread only; others wait, whatever name they want. After an error the next call tries
  // again.
  template <class Make>
  Result<std::shared_ptr<T>> FindOrMake(const std::string& name, Make make) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    if (found != objects_.end()) return found->second;
    TRY_ASSIGN(std::shared_ptr<T> made, make());
    objects_.emplace(name, made);
    return made;
  }

  // Forgets the object of that name and answers what `end` does with it, nullptr: there is none.
  // Under the lock, so that nobody makes another one meanwhile.
  template <class End>
  Status Drop(const std::string& name, End end) {
    const std::lock_guard lock(mutex_);
    const auto node = objects_.extract(name);
    return end(node ? node.mapped().get() : nullptr);
  }

  // In order of the names, under the lock: short and without calls back.
  template <class Visit>
  void ForEach(Visit visit) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, object] : objects_) visit(*object);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<T>> objects_;
};

}  // namespace prism::sqlite
