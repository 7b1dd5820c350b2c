#include "namespaces/backend_reader.h"

#include <fmt/format.h>

#include "base/secret_ref.h"
#include "namespaces/backend_types.h"
#include "namespaces/map_reader.h"
#include "namespaces/namespace_reader.h"
#include "namespaces/text_bounds.h"

namespace prism::namespaces {

BackendConfig ReadBackend(const YamlKey& key, const YamlValue& value, Problems& problems) {
  BackendConfig config;
  config.name = key.text;
  CheckName(key.text, key.mark, "a backend", problems);
  MapReader reader(value, fmt::format("the backend \"{}\"", key.text), problems);
  if (const YamlValue* type = reader.Take("type")) {
    const auto known = BackendTypeOf(type->scalar);
    if (!known) reader.Add(type->mark, "BAD_VALUE", NoBackendType(type->scalar));
    config.type = known.value_or("");
  } else {
    reader.Add(key.mark, "MISSING_KEY",
               fmt::format("the backend \"{}\" has no type: add type: memory (or sqlite, redis, "
                           "postgres ...)",
                           key.text));
  }
  if (const YamlValue* connection = reader.Take("connection")) {
    config.connection = ReadConnection(*connection, problems);
  }
  config.username = reader.Text("username", kMaxTextBytes).value_or("");
  const YamlValue* password = reader.Take("password");
  if (password != nullptr) {
    config.password = password->scalar;
    if (const auto wrong = WrongText(config.password, kMaxTextBytes)) {
      config.password.clear();
      reader.Add(password->mark, "BAD_VALUE", "the reference to the password " + *wrong);
    } else if (!base::IsSecretRef(config.password)) {
      config.password.clear();
      reader.Add(
          password->mark, "LITERAL_SECRET",
          "the password stands here in clear text: write \"${env:NAME}\" or \"${file:PATH}\" "
          "in its place, and put the password there");
    }
  }
  reader.Finish();
  return config;
}

}  // namespace prism::namespaces
