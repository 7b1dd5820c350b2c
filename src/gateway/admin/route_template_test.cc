#include "gateway/admin/route_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace prism::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(RouteTemplateTest, MatchesSegmentBySegment) {
  const RouteTemplate path("/admin/v1/shelves/{shelf}/books/{name}");
  const auto values = path.Match("/admin/v1/shelves/fiction/books/a%2Fb");
  ASSERT_TRUE(values);
  EXPECT_THAT(*values, ElementsAre(Pair("shelf", "fiction"), Pair("name", "a%2Fb")));
  for (const char* other :
       {"/admin/v1/shelves/fiction/books", "/admin/v1/shelves/fiction/books/",
        "/admin/v1/shelves/fiction/books/a/", "/admin/v1/shelves/fiction/books/a/b",
        "/admin/v1/shelves//books/a", "/admin/v2/shelves/fiction/books/a", "", "/", "admin",
        "/Admin/v1/shelves/fiction/books/a", "//admin/v1/shelves/fiction/books/a"}) {
    EXPECT_FALSE(path.Match(other)) << other;
  }
}

TEST(RouteTemplateTest, AVariableMayHaveALiteralEnd) {
  const RouteTemplate burn("/books/{name}:burn");
  const auto values = burn.Match("/books/a:b:burn");
  ASSERT_TRUE(values);
  EXPECT_THAT(*values, ElementsAre(Pair("name", "a:b")));
  EXPECT_FALSE(burn.Match("/books/:burn"));
  EXPECT_FALSE(burn.Match("/books/a"));
  EXPECT_FALSE(burn.Match("/books/a%3Aburn"));  // escaped, it is a part of the name
}

TEST(RouteTemplateTest, WhatSaysMoreGoesFirst) {
  const RouteTemplate any("/books/{name}");
  const RouteTemplate burn("/books/{name}:burn");
  const RouteTemplate newest("/books/newest");
  EXPECT_TRUE(newest.IsMoreSpecificThan(any));
  EXPECT_TRUE(newest.IsMoreSpecificThan(burn));
  EXPECT_TRUE(burn.IsMoreSpecificThan(any));
  EXPECT_FALSE(any.IsMoreSpecificThan(burn));
  EXPECT_FALSE(any.IsMoreSpecificThan(any));
}

TEST(RouteTemplateTest, APathOfLiteralsIsItself) {
  const RouteTemplate path("/admin/v1/config:import");
  EXPECT_TRUE(path.Match("/admin/v1/config:import"));
  EXPECT_FALSE(path.Match("/admin/v1/config"));
}

}  // namespace
}  // namespace prism::gateway
