#include "branching/sources/dump_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"

namespace prism::branching {
namespace {

const std::string kDatabase =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n"
    "-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)\n"
    "-- Dumped by pg_dump version 15.20\n\nSELECT 1;\n"
    "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n";
const std::string kCluster = "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE ann;\n" +
                             kDatabase + "--\n-- PostgreSQL database cluster dump complete\n--\n\n";

class DumpFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = directory_.File("dump");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string Wrong(const std::string& text) {
    const auto read = ReadDumpFile(Write(text));
    return read ? "fine" : read.error().ToString();
  }
  base::testing::TempDirectory directory_;
};

TEST_F(DumpFileTest, KnowsScriptsAndTheirVersion) {
  const auto database = ReadDumpFile(Write(kDatabase));
  ASSERT_TRUE(database) << database.error().ToString();
  EXPECT_EQ(database->format, DumpFormat::kDatabaseScript);
  EXPECT_EQ(database->major, 15);
  const auto cluster = ReadDumpFile(Write(kCluster));
  ASSERT_TRUE(cluster) << cluster.error().ToString();
  EXPECT_EQ(cluster->format, DumpFormat::kClusterScript);
  EXPECT_EQ(cluster->major, 15);
  EXPECT_NE(cluster->moment, database->moment);
}

TEST_F(DumpFileTest, KnowsArchives) {
  EXPECT_EQ(ReadDumpFile(Write("PGDMP\x01\x0e"))->format, DumpFormat::kArchive);
  std::string tar(512, '\0');
  tar.replace(0, 7, "toc.dat").replace(257, 5, "ustar");
  EXPECT_EQ(ReadDumpFile(Write(tar))->format, DumpFormat::kArchive);

  const std::string directory = directory_.File("parts");
  std::filesystem::create_directory(directory);
  EXPECT_NE(ReadDumpFile(directory).error().ToString().find("without a toc.dat"),
            std::string::npos);
  std::ofstream(directory + "/toc.dat") << "PGDMP";
  const auto first = ReadDumpFile(directory);
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(first->format, DumpFormat::kDirectory);
  std::ofstream(directory + "/3000.dat") << "1\n";
  EXPECT_NE(ReadDumpFile(directory)->moment, first->moment);
}

TEST_F(DumpFileTest, SaysWhatIsNoDump) {
  EXPECT_NE(Wrong("CREATE TABLE t ();\n").find("NOT_A_DUMP"), std::string::npos);
  EXPECT_NE(Wrong("\x1f\x8b\x08").find("compressed (gunzip it first)"), std::string::npos);
  EXPECT_NE(Wrong("").find("is empty"), std::string::npos);
  std::string tar(512, '\0');
  tar.replace(0, 7, "foo.txt").replace(257, 5, "ustar");
  EXPECT_NE(Wrong(tar).find("NOT_A_DUMP"), std::string::npos);
  EXPECT_NE(ReadDumpFile("/dev/null").error().ToString().find("neither a file"), std::string::npos);
  EXPECT_EQ(ReadDumpFile(directory_.File("none")).error().reason(), "DUMP_NOT_FOUND");
}

TEST_F(DumpFileTest, AScriptWithoutItsEndIsIncomplete) {
  EXPECT_NE(Wrong(kDatabase.substr(0, kDatabase.size() - 60)).find("DUMP_INCOMPLETE"),
            std::string::npos);
  // The end of its last database is not that of the cluster.
  EXPECT_NE(Wrong(kCluster.substr(0, kCluster.size() - 60)).find("DUMP_INCOMPLETE"),
            std::string::npos);
}

TEST_F(DumpFileTest, ReadsTheVersionOfWhatPgRestoreLists) {
  EXPECT_EQ(ReadDumpedMajor(";     Dumped from database version: 15.20 (Debian)\n"), 15);
  EXPECT_EQ(ReadDumpedMajor("-- Dumped from database version 19devel\n"), 19);
  EXPECT_EQ(ReadDumpedMajor("-- Dumped by pg_dump version 15.20\n"), 0);
  EXPECT_EQ(ReadDumpedMajor("Dumped from database version"), 0);
  EXPECT_EQ(ReadDumpedMajor("Dumped from database version -3"), 0);
}

}  // namespace
}  // namespace prism::branching
