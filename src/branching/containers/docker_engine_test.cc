// Against an engine that says what a test wants; a real one is met in docker_runtime_test.cc.
#include "branching/containers/docker_engine.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/temp_directory.h"
#include "base/unique_fd.h"

namespace prism::branching {
namespace {

// Answers one connection after the other with the next of these, whatever it is asked.
class ScriptedEngine {
 public:
  explicit ScriptedEngine(std::vector<std::string> replies)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::ranges::copy(path(), std::begin(address.sun_path));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener_.get(), generic, sizeof address) != 0 ||
        ::listen(listener_.get(), 8) != 0) {
      std::abort();
    }
    thread_ = std::thread([this, replies = std::move(replies)] { Serve(replies); });
  }
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;
  ~ScriptedEngine() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::string path() const { return directory_.File("docker.sock"); }
  // What was asked: the first lines. Once all replies were given.
  const std::vector<std::string>& asked() const { return asked_; }

 private:
  void Serve(const std::vector<std::string>& replies) {
    for (const std::string& reply : replies) {
      const base::UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection) return;
      std::string request(4096, '\0');
      const ssize_t got = ::read(connection.get(), request.data(), request.size());
      request.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      asked_.push_back(request.substr(0, request.find(" HTTP/1.1")));
      if (::write(connection.get(), reply.data(), reply.size()) < 0) return;
    }
  }

  base::testing::TempDirectory directory_;
  base::UniqueFd listener_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

std::string Reply(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

template <class T>
std::string Reason(const Result<T>& result) {
  return result ? "fine" : std::string(result.error().reason());
}

TEST(EngineClientTest, ReadsRepliesInEveryForm) {
  const ScriptedEngine engine({Reply(200, "{}"),
                               "HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                               "HTTP/1.1 204 N\r\n\r\n", "HTTP/1.1 200 O\r\n\r\nto the end"});
  const EngineClient client(engine.path());
  for (const auto& [status, body] : std::vector<std::pair<int, std::string>>{
           {200, "{}"}, {201, "abcde"}, {204, ""}, {200, "to the end"}}) {
    const auto reply = client.Call("GET", "/x", "", 10 * kNanosPerSecond);
    ASSERT_TRUE(reply) << reply.error().ToString();
    EXPECT_EQ(reply->status, status);
    EXPECT_EQ(reply->body, body);
  }
}

TEST(EngineClientTest, SaysWhatIsWrongWithTheSocket) {
  const auto call = [](const std::string& path) {
    return Reason(EngineClient(path).Call("GET", "/x", "", 10 * kNanosPerSecond));
  };
  const ScriptedEngine engine({"SSH-2.0-OpenSSH\r\n",
                               "HTTP/1.1 200 O\r\nContent-Length: 9\r\n\r\nx",
                               "HTTP/1.1 200 O\r\nContent-Length: 99999999\r\n\r\n", ""});
  EXPECT_EQ(call(engine.path()), "DOCKER_PROTOCOL");
  EXPECT_EQ(call(engine.path()), "DOCKER_PROTOCOL");
  EXPECT_EQ(call(engine.path()), "DOCKER_PROTOCOL");
  EXPECT_EQ(call(engine.path()), "DOCKER_PROTOCOL");
  EXPECT_EQ(call("/nowhere/docker.sock"), "DOCKER_UNREACHABLE");
  EXPECT_EQ(Reason(EngineClient(engine.path()).Call("GET", "/x", "", 0)), "DOCKER_UNREACHABLE");
}

TEST(DockerEngineTest, ContainersOfOtherUsersAreRefused) {
  const ScriptedEngine engine({Reply(200, R"({"OSType": "linux", "SecurityOptions": null})"),
                               Reply(200, R"({"OSType": "linux", "SecurityOptions":
                                             ["name=seccomp", "name=rootless"]})"),
                               Reply(200, R"({"OSType": "linux", "SecurityOptions":
                                             ["name=userns"]})"),
                               Reply(200, R"({"OSType": "windows"})"), Reply(200, "[]"),
                               Reply(500, R"({"message": "out of order"})")});
  const DockerEngine docker(engine.path());
  EXPECT_EQ(Reason(docker.CheckHost()), "fine");
  EXPECT_EQ(Reason(docker.CheckHost()), "DOCKER_UNSUITABLE");
  EXPECT_EQ(Reason(docker.CheckHost()), "DOCKER_UNSUITABLE");
  EXPECT_EQ(Reason(docker.CheckHost()), "DOCKER_UNSUITABLE");
  EXPECT_EQ(Reason(docker.CheckHost()), "DOCKER_PROTOCOL");
  const Status broken = docker.CheckHost();
  EXPECT_EQ(Reason(broken), "DOCKER_REFUSED");
  EXPECT_TRUE(broken.error().message().contains("out of order"));
}

TEST(DockerEngineTest, AnImageIsKnownByItsNumber) {
  const ScriptedEngine engine(
      {Reply(200, R"({"Id": "sha256:7", "Config": {"Volumes": {"/data": {}}}})"),
       Reply(200, R"({"Id": "sha256:7", "Config": {"Volumes": null}})"),
       Reply(404, R"({"message": "no such image"})"), Reply(200, "{}")});
  const DockerEngine docker(engine.path());
  const auto image = docker.FindImage("example.com:5000/postgres:15");
  ASSERT_TRUE(image) << image.error().ToString();
  EXPECT_EQ(image->id, "sha256:7");
  EXPECT_EQ(image->volumes, std::vector<std::string>{"/data"});
  EXPECT_TRUE(docker.FindImage("x")->volumes.empty());
  EXPECT_EQ(Reason(docker.FindImage("x")), "IMAGE_NOT_FOUND");
  EXPECT_EQ(Reason(docker.FindImage("x")), "DOCKER_PROTOCOL");
  EXPECT_EQ(engine.asked()[0], "GET /images/example.com:5000/postgres:15/json");
}

TEST(DockerEngineTest, AContainerOfThatNameMakesRoom) {
  const ScriptedEngine engine({Reply(409, R"({"message": "in use"})"),
                               Reply(409, R"({"message": "removal is in progress"})"),
                               Reply(200, "{}"), Reply(201, "{}")});
  EXPECT_EQ(Reason(DockerEngine(engine.path()).Create("a", "{}")), "fine");
  EXPECT_EQ(engine.asked(),
            (std::vector<std::string>{
                "POST /containers/create?name=a", "DELETE /containers/a?force=1&v=1",
                "POST /containers/a/wait?condition=removed", "POST /containers/create?name=a"}));
}

TEST(DockerEngineTest, ARemovalThatIsNotToldIsSeen) {
  // The first reply does not end.
  const ScriptedEngine engine({"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                               Reply(200, R"({"Id": "7", "State": {"Running": false, "Pid": 0}})"),
                               Reply(404, "{}")});
  EXPECT_EQ(Reason(DockerEngine(engine.path()).AwaitRemoval("a")), "fine");
  EXPECT_EQ(engine.asked().size(), 3U);
}

TEST(DockerEngineTest, StatesOfContainers) {
  const ScriptedEngine engine({Reply(200, R"({"Id": "7", "State": {"Running": true, "Pid": 12}})"),
                               Reply(404, "{}"),
                               Reply(200, R"({"Id": "7", "State": {"Running": "yes"}})"),
                               Reply(304, ""), Reply(404, R"({"message": "no such image"})")});
  const DockerEngine docker(engine.path());
  const auto state = docker.Inspect("a");
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->pid, 12);
  EXPECT_TRUE((*state)->running);
  EXPECT_EQ(docker.Inspect("a"), std::nullopt);
  EXPECT_EQ(Reason(docker.Inspect("a")), "DOCKER_PROTOCOL");
  EXPECT_EQ(Reason(docker.Start("a")), "fine");
  EXPECT_EQ(Reason(docker.Start("a")), "DOCKER_REFUSED");
}

}  // namespace
}  // namespace prism::branching
