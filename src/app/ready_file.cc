#include "app/ready_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace prism::app {

Status WriteReadyFile(const std::string& path, const Addresses& addresses) {
  nlohmann::ordered_json json = {{"data", addresses.data}, {"admin", addresses.admin}};
  if (!addresses.postgres.empty()) json["postgres"] = addresses.postgres;
  json["pid"] = getpid();
  const std::string temporary = fmt::format("{}.{}", path, getpid());
  std::ofstream file(temporary, std::ios::trunc);
  file << json.dump() << "\n";
  file.close();
  if (file && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  std::remove(temporary.c_str());
  return std::unexpected(
      Error(Code::kFailedPrecondition, "READY_FILE",
            fmt::format("the ready file {} can't be written ({}): name a file in a directory that "
                        "this user may write",
                        path, std::strerror(error))));
}

}  // namespace prism::app
