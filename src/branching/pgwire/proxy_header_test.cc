#include "branching/pgwire/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

namespace prism::branching {
namespace {

using std::string_literals::operator""s;
using Family = ProxyHeader::Family;
using Endpoint = ProxyHeader::Endpoint;

std::string Header(char command, char transport, std::string_view body) {
  std::string header = "\r\n\r\n\0\r\nQUIT\n"s + command + transport;
  header.push_back(static_cast<char>(body.size() >> 8));
  header.push_back(static_cast<char>(body.size()));
  return header.append(body);
}

const std::string& Ip4() {
  static const std::string body = "\xc0\0\2\1\x7f\0\0\1\x30\x39\x15\x38"s;
  return body;
}

ProxyHeader Parsed(std::string_view bytes) {
  ProxyHeaderParser parser;
  const auto [consumed, step] = parser.Feed(bytes);
  EXPECT_EQ(consumed, bytes.size());
  const auto* header = std::get_if<ProxyHeader>(&step);
  EXPECT_NE(header, nullptr);
  return header == nullptr ? ProxyHeader{} : *header;
}

bool Refused(std::string_view bytes) {
  ProxyHeaderParser parser;
  const auto step = parser.Feed(bytes).step;
  const auto* error = std::get_if<Error>(&step);
  return error != nullptr && error->reason() == "BAD_PROXY_HEADER";
}

TEST(ProxyHeader, HasTheAddressesOfTcp) {
  const ProxyHeader ip4 = Parsed(Header('\x21', '\x11', Ip4()));
  EXPECT_EQ(ip4.family, Family::kIp4);
  EXPECT_EQ(ip4.source, (Endpoint{.address = "192.0.2.1", .port = 12345}));
  EXPECT_EQ(ip4.destination, (Endpoint{.address = "127.0.0.1", .port = 5432}));

  const ProxyHeader ip6 = Parsed(Header('\x21', '\x21',
                                        "\x20\1\x0d\xb8"s + std::string(11, '\0') + "\1" +
                                            std::string(15, '\0') + "\1\x30\x39\x15\x38"));
  EXPECT_EQ(ip6.family, Family::kIp6);
  EXPECT_EQ(ip6.source, (Endpoint{.address = "2001:db8::1", .port = 12345}));
  EXPECT_EQ(ip6.destination, (Endpoint{.address = "::1", .port = 5432}));
}

TEST(ProxyHeader, HasThePathsOfUnixSockets) {
  std::string body(216, '\0');
  body.replace(0, 4, "/a/b");
  body.replace(108, 108, std::string(108, 'x'));
  const ProxyHeader header = Parsed(Header('\x21', '\x31', body));
  EXPECT_EQ(header.family, Family::kUnix);
  EXPECT_EQ(header.source.address, "/a/b");
  EXPECT_EQ(header.destination.address, std::string(108, 'x'));
}

TEST(ProxyHeader, OfTheBalancerItselfOrOfNobodyHasNone) {
  EXPECT_EQ(Parsed(Header('\x20', '\0', "")).family, Family::kNone);
  EXPECT_EQ(Parsed(Header('\x20', '\x11', Ip4())).family, Family::kNone);
  EXPECT_EQ(Parsed(Header('\x20', '\xff', "anything")).family, Family::kNone);
  EXPECT_EQ(Parsed(Header('\x21', '\0', "anything")).family, Family::kNone);
}

TEST(ProxyHeader, WhatFollowsTheAddressesIsPassedOver) {
  const ProxyHeader header = Parsed(Header('\x21', '\x11', Ip4() + "\4\0\3abc"s));
  EXPECT_EQ(header.source.address, "192.0.2.1");
}

TEST(ProxyHeader, NothingBeyondItIsConsumed) {
  const std::string bytes = Header('\x21', '\x11', Ip4());
  ProxyHeaderParser parser;
  const auto [consumed, step] = parser.Feed(bytes + "\0\0\0\x8"s);
  EXPECT_EQ(consumed, bytes.size());
  EXPECT_TRUE(std::holds_alternative<ProxyHeader>(step));
}

TEST(ProxyHeader, ComesByteByByte) {
  const std::string bytes = Header('\x21', '\x11', Ip4() + "\4\0\1x"s);
  ProxyHeaderParser parser;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto [consumed, step] = parser.Feed(std::string_view(bytes).substr(i, 1));
    EXPECT_EQ(consumed, 1U);
    const bool last = i + 1 == bytes.size();
    EXPECT_EQ(std::holds_alternative<ProxyHeader>(step), last);
    EXPECT_EQ(std::holds_alternative<ProxyHeaderParser::NeedMore>(step), !last);
  }
}

TEST(ProxyHeader, OthersAreRefusedAtOnce) {
  EXPECT_TRUE(Refused("\0"s));
  EXPECT_TRUE(Refused("PROXY TCP4 192.0.2.1 127.0.0.1 12345 5432\r\n"));
  EXPECT_TRUE(Refused("\r\n\r\n\r"));
  EXPECT_TRUE(Refused(Header('\x11', '\x11', Ip4())));
  EXPECT_TRUE(Refused(Header('\x22', '\x11', Ip4())));
  EXPECT_TRUE(Refused(Header('\x21', '\x12', Ip4())));
  EXPECT_TRUE(Refused(Header('\x21', '\x41', Ip4())));
}

TEST(ProxyHeader, AddressesAreWhole) {
  EXPECT_TRUE(Refused(Header('\x21', '\x11', Ip4().substr(1))));
  EXPECT_TRUE(Refused(Header('\x21', '\x21', std::string(35, '\0'))));
  EXPECT_TRUE(Refused(Header('\x21', '\x31', std::string(215, '\0'))));
}

TEST(ProxyHeader, IsBounded) {
  const std::size_t most = ProxyHeaderParser::kMaxHeader - 16;
  EXPECT_EQ(Parsed(Header('\x21', '\x11', Ip4() + std::string(most - 12, 'x'))).family,
            Family::kIp4);
  EXPECT_TRUE(Refused(Header('\x21', '\x11', Ip4() + std::string(most - 11, 'x'))));
}

}  // namespace
}  // namespace prism::branching
