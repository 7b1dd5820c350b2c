#include "branching/privileged/answers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

namespace prism::branching::internal {
namespace {

using privileged::Request;

std::string Refusal(const std::function<void(Request&)>& fill) {
  Request request;
  fill(request);
  const auto read = ReadRequest(request.SerializeAsString());
  return read ? "taken" : std::string(read.error().reason());
}

void FillLaunch(Request& request) {
  request.mutable_launch()->set_program("/usr/bin/true");
  request.mutable_launch()->add_argv("true");
  request.mutable_launch()->add_environment("PATH=/usr/bin");
  request.mutable_launch()->add_writable("/srv/store");
}

TEST(ReadRequest, TakesWhatIsWithinBounds) {
  EXPECT_EQ(Refusal(FillLaunch), "taken");
  EXPECT_EQ(Refusal([](Request& request) { request.mutable_walls(); }), "taken");
  EXPECT_EQ(Refusal([](Request& request) { request.mutable_destroy()->set_name("b-1"); }), "taken");
  EXPECT_EQ(Refusal([](Request& request) {
              request.mutable_import_tree()->set_from("/srv/master");
              request.mutable_import_tree()->set_to(".prism-tmp-1");
            }),
            "taken");
}

TEST(ReadRequest, TakesNoPathForTheNameOfAVolume) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."),
                                  std::string("a/b"), std::string("../etc"), std::string("/etc"),
                                  std::string("a\0b", 3), std::string(256, 'a')}) {
    EXPECT_EQ(Refusal([&](Request& request) { request.mutable_destroy()->set_name(name); }),
              "PRIVILEGED_REQUEST")
        << name;
    EXPECT_EQ(Refusal([&](Request& request) { request.mutable_freeze()->set_name(name); }),
              "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) { request.mutable_mount()->set_name(name); }),
              "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) { request.mutable_measure()->set_name(name); }),
              "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) {
                request.mutable_clone()->set_from("fine");
                request.mutable_clone()->set_to(name);
              }),
              "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) {
                request.mutable_clone()->set_from(name);
                request.mutable_clone()->set_to("fine");
              }),
              "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) {
                request.mutable_import_tree()->set_from("/fine");
                request.mutable_import_tree()->set_to(name);
              }),
              "PRIVILEGED_REQUEST");
  }
}

TEST(ReadRequest, TakesNoPathThatLeadsUpOrIsRelative) {
  for (const std::string& path : {std::string(), std::string("etc"), std::string("/srv/../etc"),
                                  std::string("/srv/.."), std::string("/a\0b", 4)}) {
    const auto refused = [](const std::function<void(privileged::Launch&)>& set) {
      return Refusal([&](Request& request) {
        FillLaunch(request);
        set(*request.mutable_launch());
      });
    };
    EXPECT_EQ(refused([&](auto& launch) { launch.set_program(path); }), "PRIVILEGED_REQUEST");
    EXPECT_EQ(refused([&](auto& launch) { launch.add_writable(path); }), "PRIVILEGED_REQUEST");
    EXPECT_EQ(refused([&](auto& launch) { launch.add_read_only(path); }), "PRIVILEGED_REQUEST");
    EXPECT_EQ(Refusal([&](Request& request) {
                request.mutable_import_tree()->set_from(path);
                request.mutable_import_tree()->set_to("fine");
              }),
              "PRIVILEGED_REQUEST");
  }
}

TEST(ReadRequest, TakesNoArgumentsWithoutBounds) {
  const std::string null("a\0b", 3);
  const auto refused = [](const std::function<void(privileged::Launch&)>& set) {
    return Refusal([&](Request& request) {
      FillLaunch(request);
      set(*request.mutable_launch());
    });
  };
  EXPECT_EQ(refused([](auto& launch) { launch.clear_argv(); }), "PRIVILEGED_REQUEST");
  EXPECT_EQ(refused([&](auto& launch) { launch.add_argv(null); }), "PRIVILEGED_REQUEST");
  EXPECT_EQ(refused([&](auto& launch) { launch.add_environment(null); }), "PRIVILEGED_REQUEST");
  EXPECT_EQ(refused([](auto& launch) {
              for (int i = 0; i < 1001; ++i) launch.add_argv("a");
            }),
            "PRIVILEGED_REQUEST");
  EXPECT_EQ(refused([](auto& launch) { launch.set_cgroups(2); }), "taken");
  for (const std::uint32_t many : {3U, ~0U}) {
    EXPECT_EQ(refused([many](auto& launch) { launch.set_cgroups(many); }), "PRIVILEGED_REQUEST");
  }
}

TEST(ReadRequest, TakesNothingElse) {
  EXPECT_EQ(ReadRequest("").error().reason(), "PRIVILEGED_REQUEST");
  EXPECT_EQ(ReadRequest("nonsense").error().reason(), "PRIVILEGED_REQUEST");
}

TEST(Answers, CarryErrorsWhole) {
  const Error error =
      Error(Code::kNotFound, "VOLUME_NOT_FOUND", "There is no volume \xff.").With("process", "12");
  const auto answer = ReadAnswer(FailureOf(error).SerializeAsString());
  ASSERT_TRUE(answer);
  const Error read = ErrorOf(answer->failure());
  EXPECT_EQ(read.ToString(), error.ToString());
  EXPECT_EQ(read.metadata(), error.metadata());
}

TEST(Answers, AnErrorIsOneWhateverItsCodeSays) {
  privileged::Failure failure;
  for (const int code : {0, -1, 17, 255, 256}) {
    failure.set_code(code);
    EXPECT_EQ(ErrorOf(failure).code(), Code::kInternal) << code;
  }
}

TEST(Answers, CarryWalls) {
  const Isolation some{
      .files = true, .network = false, .processes = true, .missing = {"network: no"}};
  const Isolation read = IsolationOf(WallsOf(some).walls());
  EXPECT_TRUE(read.files && read.processes && !read.network);
  EXPECT_EQ(read.missing, some.missing);
}

TEST(Answers, WhatIsNoneIsAnError) {
  EXPECT_EQ(ReadAnswer("").error().reason(), "PRIVILEGED_ANSWER");
  EXPECT_EQ(ReadAnswer("nonsense").error().reason(), "PRIVILEGED_ANSWER");
}

}  // namespace
}  // namespace prism::branching::internal
