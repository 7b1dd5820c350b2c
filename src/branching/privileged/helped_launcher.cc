#include "branching/privileged/helped_launcher.h"

#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "branching/privileged/answers.h"

namespace prism::branching {
namespace {

privileged::Request RequestFor(const WalledProgram& program) {
  privileged::Request request;
  privileged::Launch& launch = *request.mutable_launch();
  launch.set_program(program.program);
  for (const std::string& word : program.argv) launch.add_argv(word);
  for (const std::string& entry : program.environment) launch.add_environment(entry);
  for (const std::string& path : program.paths.writable) launch.add_writable(path);
  for (const std::string& path : program.paths.read_only) launch.add_read_only(path);
  launch.set_has_fourth(program.fourth_fd >= 0);
  launch.set_has_record(program.records.process >= 0);
  launch.set_outlives_us(program.outlives_us);
  launch.set_shows_memory(program.shows_memory);
  launch.set_cgroups(static_cast<std::uint32_t>(program.records.cgroups.size()));
  return request;
}

// What could not become the program is our child, and ends.
void ReapFailed(const Error& error) {
  for (const auto& [key, value] : error.metadata()) {
    pid_t pid = 0;
    std::from_chars(value.data(), value.data() + value.size(), pid);
    if (key != "process" || pid <= 0) continue;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace

Result<std::shared_ptr<const HelpedLauncher>> HelpedLauncher::Make(const HelperClient& helper,
                                                                   InstanceUser user) {
  privileged::Request request;
  request.mutable_walls();
  TRY_ASSIGN(const HelperClient::Reply reply, helper.Ask(request));
  return std::shared_ptr<const HelpedLauncher>(
      new HelpedLauncher(helper, user, internal::IsolationOf(reply.answer.walls())));
}

Result<runtime::Spawned> HelpedLauncher::Launch(const WalledProgram& program) const {
  std::vector<int> fds(program.standard_fds.begin(), program.standard_fds.end());
  if (program.fourth_fd >= 0) fds.push_back(program.fourth_fd);
  if (program.records.process >= 0) fds.push_back(program.records.process);
  fds.insert(fds.end(), program.records.cgroups.begin(), program.records.cgroups.end());
  Result<HelperClient::Reply> reply = helper_.Ask(RequestFor(program), fds);
  if (!reply) {
    ReapFailed(reply.error());
    return std::unexpected(std::move(reply).error());
  }
  if (!reply->answer.has_launched() || reply->fds.size() != 1) {
    return std::unexpected(Error(Code::kInternal, "PRIVILEGED_ANSWER",
                                 "the privileged helper started a program and did not say which"));
  }
  return runtime::Spawned{reply->answer.launched().pid(), std::move(reply->fds.front())};
}

}  // namespace prism::branching
