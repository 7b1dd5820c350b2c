#include "branching/sources/printed_error.h"

#include <gtest/gtest.h>

namespace prism::branching {
namespace {

TEST(PrintedErrorTest, IsTheFirstOfAScriptWithItsLine) {
  EXPECT_EQ(FirstPrintedError("psql:<stdin>:3: NOTICE:  fine\n"
                              "psql:<stdin>:12: ERROR:  relation \"things\" already exists\n"
                              "psql:<stdin>:13: ERROR:  another\n"),
            "line 12: relation \"things\" already exists");
}

TEST(PrintedErrorTest, IsThatOfTheServerInWhatPgRestoreSays) {
  EXPECT_EQ(FirstPrintedError("pg_restore: while PROCESSING TOC:\n"
                              "pg_restore: from TOC entry 215; 1259 16386 TABLE things ann\n"
                              "pg_restore: error: could not execute query: ERROR:  role \"ann\" "
                              "does not exist\nCommand was: ALTER TABLE ...\n"),
            "role \"ann\" does not exist");
  EXPECT_EQ(FirstPrintedError("pg_restore: error: could not read from input file: end of file"),
            "could not read from input file: end of file");
}

TEST(PrintedErrorTest, HasNoValuesOfTheData) {
  EXPECT_EQ(FirstPrintedError("psql:<stdin>:9: ERROR:  invalid input syntax for type integer: "
                              "\"4111-1111\"\nCONTEXT:  COPY cards, line 1: \"4111-1111\"\n"),
            "line 9: invalid input syntax for type integer");
  EXPECT_EQ(FirstPrintedError("ERROR:  duplicate key value violates unique constraint \"k\"\n"
                              "DETAIL:  Key (id)=(4111) already exists.\n"),
            "duplicate key value violates unique constraint \"k\"");
}

TEST(PrintedErrorTest, IsBounded) {
  EXPECT_LE(FirstPrintedError("ERROR:  " + std::string(100'000, 'x')).size(), 400U);
  EXPECT_LE(FirstPrintedError("<stdin>:" + std::string(100'000, '1') + " ERROR: x").size(), 400U);
  EXPECT_EQ(FirstPrintedError(""), "it did not say why");
  EXPECT_EQ(FirstPrintedError("initdb: something\n\n"), "it did not say why");
}

}  // namespace
}  // namespace prism::branching
