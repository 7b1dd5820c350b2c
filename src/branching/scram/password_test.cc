#include "branching/scram/password.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::branching {
namespace {

using std::string_literals::operator""s;

TEST(PasswordTest, AsciiStays) {
  for (const std::string& text : {""s, "pencil"s, " two words "s, "tab\tand\x7f bell\a"s}) {
    EXPECT_EQ(PreparePassword(text), text);
  }
}

TEST(PasswordTest, IsMappedAndNormalised) {
  EXPECT_EQ(PreparePassword("I\u00adX"), "IX");            // RFC 4013 section 3
  EXPECT_EQ(PreparePassword("\u00aa"), "a");               // the same
  EXPECT_EQ(PreparePassword("\u2168"), "IX");              // the same
  EXPECT_EQ(PreparePassword("a\u00a0b\u3000c"), "a b c");  // spaces
  EXPECT_EQ(PreparePassword("u\u0308ber"), "\u00fcber");   // composed
  EXPECT_EQ(PreparePassword("\u0627\u0644\u0633"), "\u0627\u0644\u0633");
  // The longest expansion that there is.
  EXPECT_EQ(PreparePassword("\ufdfa").size(), 33u);
}

TEST(PasswordTest, WhatMayNotBeStaysAsItIs) {
  for (const std::string& text : {
           "\xff\xfe"s,
           "caf\xe9"s,        // not UTF-8
           "a\u0007\u00e4"s,  // a control character
           "\ue000"s,         // private use
           "\u0221"s,         // unassigned in Unicode 3.2
           "\u0627\u0031x"s,
           "\u0627x"s,  // both directions
           "\u00ad"s,
           "\u2060\u00ad"s,  // nothing would be left
           "\u0340\u00e4"s,  // prohibited before it is normalised
           "\u00e4\0b"s,
       }) {
    EXPECT_EQ(PreparePassword(text), text) << text;
  }
}

}  // namespace
}  // namespace prism::branching
