// Messages as values that the readers of the configuration file take, so that what comes by the API
// passes the same checks as what stands in a file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::gateway {

// Makes values whose places are fields: a mark's line is the number of a path. Life cycle: on the
// stack, for one message.
class FieldPlaces {
 public:
  namespaces::Mark Place(std::string path);

  namespaces::YamlValue Map(std::string path);
  namespaces::YamlValue Text(std::string path, std::string text);
  namespaces::YamlValue List(std::string path);
  namespaces::YamlValue Texts(const std::string& path, const auto& texts) {
    namespaces::YamlValue list = List(path);
    int index = 0;
    for (const auto& text : texts) {
      list.items.push_back(Text(path + "[" + std::to_string(index++) + "]", text));
    }
    return list;
  }
  // Adds `key: value` to a map, at the place of the value.
  static void Put(namespaces::YamlValue& map, std::string key, namespaces::YamlValue value);

  // INVALID_ARGUMENT with all problems, each with its field: the reason is the problem's own when
  // there is one, CONFIG_INVALID otherwise.
  Error ToError(const namespaces::Problems& problems) const;

 private:
  std::vector<std::string> paths_;
};

}  // namespace prism::gateway
