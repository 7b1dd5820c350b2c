#include "gateway/admin/admin_route.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <array>

#include "gateway/admin/testing/shelf.pb.h"
#include "gateway/admin/testing/shelf.prism.h"
#include "gateway/rest/testing/recorded_reply.h"

namespace prism::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StrEq;
namespace shelf = ::prism::shelf::v1;

constexpr std::array<const contract::InterfaceInfo*, 1> kInterfaces = {&shelf::Shelf::kInterface};

class AdminRouteTest : public ::testing::Test {
 protected:
  void Header(std::string_view name, std::string_view value) { headers_.Add(name, value, 1 << 16); }

  Result<rpc::ResourceCall> Call(std::string_view method, std::string_view target,
                                 std::string_view body = {}) {
    message_.clear();
    reply_ = testing::RecordedReply();
    return route_.ToCall(
        {.method = method, .target = target, .body = body, .headers = headers_, .json = json_},
        message_, reply_);
  }

  // The request message of a call that is understood.
  template <class Request>
  Request Ask(std::string_view name, std::string_view method, std::string_view target,
              std::string_view body = {}) {
    const auto call = Call(method, target, body);
    Request request;
    if (!call) {
      ADD_FAILURE() << target << ": " << call.error().ToString();
      return request;
    }
    EXPECT_EQ(call->method->name, name) << target;
    EXPECT_TRUE(request.ParseFromString(message_));
    return request;
  }

  // Status and reason, "404 ROUTE_NOT_FOUND".
  std::string Refused(std::string_view method, std::string_view target,
                      std::string_view body = {}) {
    const auto call = Call(method, target, body);
    if (call) return "understood as " + std::string(call->method->name);
    error_ = call.error().ToString();
    for (const auto& field : call.error().fields())
      error_ += " " + field.field + " " + field.description;
    return std::string(route_.StatusOf(call.error())) + " " + std::string(call.error().reason());
  }

  const AdminRoute route_{kInterfaces};
  rpc::RequestHeaders headers_;
  bool json_ = true;
  testing::RecordedReply reply_;
  std::string message_;
  std::string error_;
};

constexpr std::string_view kBooks = "/admin/v1/shelves/fiction/books";

std::string List(std::string_view query) { return std::string(kBooks) + "?" + std::string(query); }

TEST_F(AdminRouteTest, VariablesOfThePathAreFields) {
  const auto get =
      Ask<shelf::GetBookRequest>("Get", "GET", "/admin/v1/shelves/s%20f/books/d%C3%BC%2Fne");
  EXPECT_EQ(get.shelf(), "s f");
  EXPECT_EQ(get.name(), "dü/ne");
  EXPECT_EQ(reply_.Header("cache-control"), "no-store");
  EXPECT_EQ(Ask<shelf::GetBookRequest>("Get", "HEAD", "/admin/v1/shelves/a/books/b+c").name(),
            "b+c");
  EXPECT_EQ(
      Ask<shelf::GetBookRequest>("Remove", "DELETE", "/admin/v1/shelves/a/books/newest").name(),
      "newest");
}

TEST_F(AdminRouteTest, TheMostSpecificPathOfTheVerbAnswers) {
  EXPECT_EQ(Ask<shelf::ListBooksRequest>("Newest", "GET", std::string(kBooks) + "/newest").shelf(),
            "fiction");
  EXPECT_EQ(Ask<shelf::ListBooksRequest>("Watch", "GET", std::string(kBooks) + ":watch").shelf(),
            "fiction");
  const auto burn = Ask<shelf::BurnBookRequest>("Burn", "POST", std::string(kBooks) + "/a:b:burn");
  EXPECT_EQ(burn.name(), "a:b");
}

TEST_F(AdminRouteTest, TheQueryFillsFieldsOfEveryKind) {
  const auto list = Ask<shelf::ListBooksRequest>(
      "List", "GET",
      List("filter=a+%3D%20b&page_size=7&index=-9007199254740993&minBytes=18446744073709551615"
           "&max_weight=1.5e3&with_pages=true&cover=SOFT&authors=ann&authors=&authors=b%26b"
           "&covers=HARD&covers=SOFT&since=2026-11-21T08:00:00.25Z&wait=1m30s"
           "&read_mask=displayName,a.b&mark=_-8%3D&lent=false&year=0&sizes=1&sizes=-2"));
  EXPECT_EQ(list.shelf(), "fiction");
  EXPECT_EQ(list.filter(), "a = b");
  EXPECT_EQ(list.page_size(), 7);
  EXPECT_EQ(list.index(), -9007199254740993);
  EXPECT_EQ(list.min_bytes(), 18446744073709551615u);
  EXPECT_EQ(list.max_weight(), 1500);
  EXPECT_TRUE(list.with_pages());
  EXPECT_EQ(list.cover(), shelf::SOFT);
  EXPECT_THAT(list.authors(), ::testing::ElementsAre("ann", "", "b&b"));
  EXPECT_THAT(list.covers(), ::testing::ElementsAre(shelf::HARD, shelf::SOFT));
  EXPECT_EQ(list.since().nanos(), 250'000'000);
  EXPECT_EQ(list.wait().seconds(), 90);
  EXPECT_THAT(list.read_mask().paths(), ::testing::ElementsAre("display_name", "a.b"));
  EXPECT_EQ(list.mark(), "\xff\xef");
  EXPECT_TRUE(list.has_lent() && !list.lent().value());
  EXPECT_TRUE(list.has_year() && list.year() == 0);
  EXPECT_THAT(list.sizes(), ::testing::ElementsAre(1, -2));
  EXPECT_EQ(Ask<shelf::ListBooksRequest>("List", "GET", List("&&wait=1.5s&")).wait().nanos(),
            500'000'000);
}

TEST_F(AdminRouteTest, WhatTheQueryCanNotMeanIsRefused) {
  for (const char* wrong : {"page_size=",       "page_size=1.5",    "page_size=2147483648",
                            "page_size=+1",     "page_size=0x1",    "index=9223372036854775808",
                            "min_bytes=-1",     "max_weight=nan",   "max_weight=inf",
                            "max_weight=1e999", "max_weight=1,5",   "with_pages",
                            "with_pages=True",  "with_pages=1",     "cover=soft",
                            "cover=2",          "since=yesterday",  "since=2026-11-21",
                            "wait=soon",        "wait=5",           "wait=%22",
                            "read_mask=a-b",    "mark=%21",         "lent=",
                            "year=x",           "sizes=1&sizes=two"}) {
    EXPECT_EQ(Refused("GET", List(wrong)), "400 PARAMETER_INVALID") << wrong;
  }
  EXPECT_EQ(Refused("GET", List("cover=BLUE")), "400 PARAMETER_INVALID");
  EXPECT_THAT(error_, HasSubstr("COVER_UNSPECIFIED, HARD, SOFT"));
  EXPECT_THAT(error_, ::testing::Not(HasSubstr("BLUE")));
  EXPECT_EQ(Refused("GET", List("filter=%ff")), "400 MALFORMED_MESSAGE");
  EXPECT_EQ(Refused("GET", List("filter=%f")), "400 PERCENT_ESCAPE_INVALID");
  EXPECT_EQ(Refused("GET", "/admin/v1/shelves/%zz/books"), "400 PERCENT_ESCAPE_INVALID");
}

TEST_F(AdminRouteTest, WhatMeansNothingIsRefused) {
  EXPECT_EQ(Refused("GET", List("filtre=a")), "400 PARAMETER_UNKNOWN");
  EXPECT_THAT(error_, HasSubstr("did you mean \"filter\"?"));
  for (const char* unknown : {"shelf=other", "like=x", "like.name=x", "notes=x", "=x", "zzz"}) {
    EXPECT_EQ(Refused("GET", List(unknown)), "400 PARAMETER_UNKNOWN") << unknown;
  }
  EXPECT_EQ(Refused("GET", List("page_size=1&pageSize=1")), "400 PARAMETER_REPEATED");
  EXPECT_EQ(Refused("GET", List("filter=&filter=")), "400 PARAMETER_REPEATED");
  EXPECT_EQ(Refused("GET", "/admin/v1/shelves/a/books/b", "{}"), "400 BODY_UNEXPECTED");
  EXPECT_EQ(Refused("DELETE", "/admin/v1/shelves/a/books/b", "{}"), "400 BODY_UNEXPECTED");
}

TEST_F(AdminRouteTest, ABodyIsTheFieldThatTheRouteNames) {
  const auto create = Ask<shelf::CreateBookRequest>("Create", "POST", List("dry_run=true"),
                                                    R"({"name":"dune","pages":412})");
  EXPECT_EQ(create.shelf(), "fiction");
  EXPECT_EQ(create.book().name(), "dune");
  EXPECT_EQ(create.book().pages(), 412);
  EXPECT_TRUE(create.dry_run());
  EXPECT_EQ(Refused("POST", kBooks), "400 BODY_REQUIRED");
  EXPECT_EQ(Refused("POST", kBooks, R"({"name":"dune","shelf":"x"})"), "400 JSON_UNKNOWN_FIELD");
  EXPECT_EQ(Refused("POST", kBooks, "{"), "400 MALFORMED_MESSAGE");
  EXPECT_EQ(Refused("POST", List("book=x"), "{}"), "400 PARAMETER_UNKNOWN");
}

TEST_F(AdminRouteTest, ABodyMayBeTheWholeRequest) {
  const std::string path = std::string(kBooks) + "/dune:burn";
  const auto burn = Ask<shelf::BurnBookRequest>("Burn", "POST", path + "?dry_run=true",
                                                R"({"name":"dune","reason":"cold"})");
  EXPECT_EQ(burn.shelf() + burn.name() + burn.reason(), "fictiondunecold");
  EXPECT_TRUE(burn.dry_run());
  EXPECT_EQ(Ask<shelf::BurnBookRequest>("Burn", "POST", path).name(), "dune");
  EXPECT_EQ(Refused("POST", path, R"({"name":"other"})"), "400 PARAMETER_REPEATED");
  EXPECT_EQ(Refused("POST", path + "?reason=x", R"({"reason":"y"})"), "400 PARAMETER_REPEATED");
}

TEST_F(AdminRouteTest, ABodyIsJsonAndSaysSo) {
  json_ = false;
  EXPECT_EQ(Refused("POST", kBooks, "{}"), "415 CONTENT_TYPE_UNSUPPORTED");
}

TEST_F(AdminRouteTest, PagesOfOtherSitesChangeNothing) {
  Header(":authority", "127.0.0.1:8981");
  Header("origin", "https://example.com");
  const std::string burn = std::string(kBooks) + "/dune:burn";
  EXPECT_EQ(Refused("POST", burn), "403 ORIGIN_NOT_ALLOWED");
  EXPECT_EQ(Refused("DELETE", "/admin/v1/shelves/a/books/b"), "403 ORIGIN_NOT_ALLOWED");
  EXPECT_EQ(Ask<shelf::GetBookRequest>("Get", "GET", "/admin/v1/shelves/a/books/b").name(), "b");
  headers_.Clear();
  Header(":authority", "127.0.0.1:8981");
  Header("origin", "http://127.0.0.1:8981");
  EXPECT_EQ(Ask<shelf::BurnBookRequest>("Burn", "POST", burn).name(), "dune");
}

TEST_F(AdminRouteTest, AnotherVerbIsToldWhichOnesThereAre) {
  EXPECT_EQ(Refused("PUT", kBooks), "405 HTTP_METHOD_UNSUPPORTED");
  EXPECT_THAT(reply_.Header("allow"), HasSubstr("GET, HEAD"));
  EXPECT_THAT(reply_.Header("allow"), HasSubstr("POST"));
  EXPECT_EQ(Refused("HEAD", std::string(kBooks) + ":watch"), "405 HTTP_METHOD_UNSUPPORTED");
  EXPECT_EQ(reply_.Header("allow"), "GET");
  EXPECT_EQ(Refused("get", kBooks), "405 HTTP_METHOD_UNSUPPORTED");
  EXPECT_EQ(Refused("", kBooks), "405 HTTP_METHOD_UNSUPPORTED");
}

TEST_F(AdminRouteTest, AnotherPathIsNotThere) {
  for (const char* target :
       {"/admin/v1/", "/admin", "/admin/v1/shelves", "/admin/v1/shelves/a/books/",
        "/prism.shelf.v1.Shelf/Count", "", "?"}) {
    EXPECT_EQ(Refused("GET", target), "404 ROUTE_NOT_FOUND") << target;
  }
}

TEST_F(AdminRouteTest, AnswersAreJsonAndStreamsAreLinesOfIt) {
  const auto get = Call("GET", "/admin/v1/shelves/a/books/b");
  ASSERT_TRUE(get);
  EXPECT_EQ(get->content_type, "application/json");
  shelf::Book book;
  book.set_name("dune");
  book.set_cover(shelf::HARD);
  const rpc::ResourceRequest request{
      .method = "GET", .target = "", .body = "", .headers = headers_};
  ASSERT_TRUE(get->to_reply(request, book, reply_));
  EXPECT_EQ(reply_.status, "200");
  EXPECT_THAT(reply_.body, StrEq("{\"name\":\"dune\",\"cover\":\"HARD\"}\n"));

  const auto watch = Call("GET", std::string(kBooks) + ":watch");
  ASSERT_TRUE(watch);
  EXPECT_EQ(watch->content_type, "application/x-ndjson");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(watch->to_reply(request, book, reply_));
  EXPECT_EQ(std::ranges::count(reply_.body, '\n'), 2);
}

}  // namespace
}  // namespace prism::gateway
