// The namespaces of a configuration file, in each of their spellings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "namespaces/map_reader.h"
#include "namespaces/problems.h"
#include "namespaces/snapshot.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

// What one value, and so one message, may have at most.
inline constexpr std::uint64_t kMaxValueBytes = 1ull << 30;

// Reads into a snapshot whose backends are there, and sorted. Life cycle: on the stack, for one
// file; problems and snapshot outlive it.
class NamespaceReader {
 public:
  NamespaceReader(Problems& problems, Snapshot& snapshot)
      : problems_(problems), snapshot_(snapshot) {}

  // The list `namespaces`. Nothing, or null: the built-in ones.
  void ReadList(const YamlValue* value);
  // The file itself is one namespace: `pattern` and `slots` stand at its top. Its name is that of
  // the pattern unless it has one.
  void ReadWhole(MapReader& top, const YamlValue& root);

 private:
  void ReadOne(const YamlValue& value);
  // False: the name is taken.
  bool ReadName(MapReader& reader, const YamlValue& value, NamespaceConfig& config);
  void ReadBackend(MapReader& reader, const YamlValue& value, NamespaceConfig& config);
  void MakeBackend(const YamlValue& type, const YamlValue& connection, NamespaceConfig& config);
  void ReadPattern(MapReader& reader, NamespaceConfig& config);
  void ReadPatterns(MapReader& reader, NamespaceConfig& config);
  void ReadStack(const YamlValue& list, NamespaceConfig& config);
  void ReadSlots(const YamlValue* value, const NamespaceConfig& config, PatternConfig& pattern);
  void ReadPatternConfig(const YamlValue* value, PatternConfig& pattern);
  void ReadSettings(MapReader& reader, NamespaceConfig& config);
  void ReadStatus(MapReader& reader, NamespaceConfig& config);
  void ReadAccess(MapReader& reader, NamespaceConfig& config);
  void ReadFeatures(MapReader& reader, NamespaceConfig& config);
  void ReadShadow(MapReader& reader, NamespaceConfig& config);
  // `ns` asks for it.
  void CheckBackendExists(const std::string& name, Mark mark, const std::string& ns);
  void CheckForCycle(Mark mark, const NamespaceConfig& config);

  Problems& problems_;
  Snapshot& snapshot_;
  std::unordered_map<std::string, Mark> names_;  // where each stands
};

// Adds BAD_NAME when the name can't be that of `what`, "a backend".
void CheckName(const std::string& name, Mark mark, std::string_view what, Problems& problems);
// The connection string, in which a password must not stand literally.
std::string ReadConnection(const YamlValue& value, Problems& problems);

}  // namespace prism::namespaces
