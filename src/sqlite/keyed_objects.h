// Objects by name, each made once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"

namespace prism::sqlite {

// Keeps what was made until it is destroyed itself. Thread-safe.
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
