#include "branching/instances/instance_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace prism::branching {
namespace {

using testing::Contains;
using testing::Not;

const InstancePaths kPaths{.data_directory = "/v/data",
                           .socket_directory = "/r/socket",
                           .hba_file = "/r/server/pg_hba.conf",
                           .ident_file = "/r/server/pg_ident.conf",
                           .config_file = "",
                           .own_shared_memory = true};

TEST(InstanceSettingsTest, SaysWhereEverythingIsAndWhoItIs) {
  InstanceSettings settings;
  settings.title = "b-1";
  const std::vector<std::string> arguments = ServerArguments(settings, kPaths, 15);
  EXPECT_EQ(arguments[0], "-D");
  EXPECT_EQ(arguments[1], "/v/data");
  for (const char* expected :
       {"data_directory=/v/data", "hba_file=/r/server/pg_hba.conf", "cluster_name=b-1",
        "listen_addresses=", "archive_mode=off", "fsync=off", "shared_buffers=16MB"}) {
    EXPECT_THAT(arguments, Contains(expected));
  }
  EXPECT_THAT(arguments, Not(Contains(testing::StartsWith("config_file="))));
}

TEST(InstanceSettingsTest, AMajorGetsOnlyWhatItKnows) {
  const std::vector<std::string> old = ServerArguments({}, kPaths, 13);
  const std::vector<std::string> fresh = ServerArguments({}, kPaths, 18);
  EXPECT_THAT(old, Not(Contains("archive_library=")));
  EXPECT_THAT(old, Contains("stats_temp_directory=pg_stat_tmp"));
  EXPECT_THAT(fresh, Contains("archive_library="));
  EXPECT_THAT(fresh, Contains("io_method=sync"));
  EXPECT_THAT(fresh, Not(Contains("stats_temp_directory=pg_stat_tmp")));
}

TEST(InstanceSettingsTest, DurableKeepsWhatIsCommitted) {
  InstanceSettings settings;
  settings.profile = InstanceProfile::kDurable;
  const std::vector<std::string> arguments = ServerArguments(settings, kPaths, 15);
  EXPECT_THAT(arguments, Contains("fsync=on"));
  EXPECT_THAT(arguments, Contains("full_page_writes=on"));
  EXPECT_THAT(arguments, Not(Contains("synchronous_commit=off")));
}

TEST(InstanceSettingsTest, EachOverrideHasAReasonAndComesOnce) {
  for (const InstanceProfile profile : {InstanceProfile::kDisposable, InstanceProfile::kDurable}) {
    std::set<std::string_view> names;
    for (const auto& overrides : {CommonOverrides(), ProfileOverrides(profile)}) {
      for (const Override& one : overrides) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        EXPECT_FALSE(one.why.empty()) << one.name;
      }
    }
  }
}

}  // namespace
}  // namespace prism::branching
