#include "branching/pgwire/session_state.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "branching/pgwire/messages.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {
namespace {

std::string TypedMessage(char type, std::string_view body) {
  std::string message(1, type);
  AppendInt32(message, static_cast<std::uint32_t>(4 + body.size()));
  return message.append(body);
}

std::string Ready(char status) { return TypedMessage('Z', {&status, 1}); }

// Bytes that look like messages, inside of rows.
std::string Rows() {
  std::string rows;
  for (std::size_t size = 0; size < 40; ++size) {
    rows += TypedMessage('D', (Ready('E') + Ready('E') + "W\0\0\0\4G\0\0\0\4").substr(0, size));
  }
  return rows;
}

TEST(SessionState, KnowsTheLastStatus) {
  SessionState state;
  EXPECT_EQ(state.status(), TransactionStatus::kIdle);
  state.Follow(Rows() + TypedMessage('C', "BEGIN") + Ready('T'));
  EXPECT_EQ(state.status(), TransactionStatus::kOpen);
  state.Follow(TypedMessage('E', "SERROR") + Ready('E'));
  EXPECT_EQ(state.status(), TransactionStatus::kFailed);
  state.Follow(Rows());
  EXPECT_EQ(state.status(), TransactionStatus::kFailed);
  state.Follow(Ready('I'));
  EXPECT_EQ(state.status(), TransactionStatus::kIdle);
  EXPECT_TRUE(state.following());
}

TEST(SessionState, MayEndOutsideOfTransactionsOnly) {
  SessionState state;
  EXPECT_TRUE(state.may_end());
  state.NoteRequest();
  EXPECT_FALSE(state.may_end());
  state.Follow(TypedMessage('C', "BEGIN") + Ready('T'));
  EXPECT_FALSE(state.may_end());
  state.NoteRequest();
  state.Follow(TypedMessage('C', "COMMIT") + Ready('I'));
  EXPECT_TRUE(state.may_end());
  state.Follow("N");  // a notice that is not complete
  EXPECT_FALSE(state.may_end());
}

TEST(SessionState, MayEndInAReplicationStream) {
  SessionState state;
  state.NoteRequest();
  state.Follow(TypedMessage('W', "abc"));
  EXPECT_TRUE(state.may_end());
  state.Follow(TypedMessage('d', "row").substr(0, 6));
  EXPECT_FALSE(state.may_end());
}

TEST(SessionState, BytesMayBeCutAnywhere) {
  const std::string bytes = Rows() + TypedMessage('1', "") + TypedMessage('H', "abc") +
                            TypedMessage('d', "row") + TypedMessage('c', "") +
                            TypedMessage('C', "COPY 1") + Ready('T') + Rows();
  for (std::size_t piece = 1; piece < 60; ++piece) {
    SessionState state;
    bool copied = false;
    for (std::size_t from = 0; from < bytes.size(); from += piece) {
      state.Follow(std::string_view(bytes).substr(from, piece));
      copied = copied || state.copying();
    }
    EXPECT_EQ(state.status(), TransactionStatus::kOpen) << piece;
    EXPECT_TRUE(state.following());
    EXPECT_FALSE(state.copying());
    EXPECT_TRUE(copied || piece > 20) << piece;
  }
}

TEST(SessionState, CopyLastsUntilItsEnd) {
  for (const char kind : {'G', 'H'}) {
    for (const std::string& end :
         {TypedMessage('C', "COPY 1"), TypedMessage('E', "SERROR"), Ready('I')}) {
      SessionState state;
      state.Follow(TypedMessage(kind, std::string(3, '\0')));
      EXPECT_TRUE(state.copying());
      EXPECT_FALSE(state.replicating());
      state.Follow(TypedMessage('d', Ready('E')));
      EXPECT_TRUE(state.copying());
      state.Follow(end);
      EXPECT_FALSE(state.copying());
    }
  }
}

TEST(SessionState, ReplicationIsACopyBothWays) {
  SessionState state;
  state.Follow(TypedMessage('W', std::string(3, '\0')));
  EXPECT_TRUE(state.replicating());
  EXPECT_FALSE(state.copying());
  state.Follow(TypedMessage('d', "w"));
  EXPECT_TRUE(state.replicating());
  state.Follow(TypedMessage('c', "") + TypedMessage('C', "START_REPLICATION"));
  EXPECT_FALSE(state.replicating());
}

TEST(SessionState, StopsAtWhatCanNotBeAMessage) {
  using std::string_literals::operator""s;
  for (const std::string& wrong :
       {"D\0\0\0\3"s, "D\0\0\0\0"s, TypedMessage('Z', ""), TypedMessage('Z', "II"), Ready('x')}) {
    SessionState state;
    state.Follow(Ready('T') + wrong + Ready('E'));
    EXPECT_FALSE(state.following());
    EXPECT_EQ(state.status(), TransactionStatus::kOpen);
  }
}

TEST(SessionState, KnowsWhereMessagesEnd) {
  SessionState state;
  EXPECT_TRUE(state.between_messages());
  const std::string messages = TypedMessage('D', "row") + TypedMessage('n', "") + Ready('I');
  const std::size_t first = TypedMessage('D', "row").size();
  const std::size_t second = first + TypedMessage('n', "").size();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool between = i == 0 || i == first || i == second;
    EXPECT_EQ(state.between_messages(), between) << i;
    state.Follow(std::string_view(messages).substr(i, 1));
  }
  EXPECT_TRUE(state.between_messages());
  state.Follow(std::string_view("D\0\0\0\3", 5));
  EXPECT_FALSE(state.between_messages());
}

TEST(SessionState, MessagesMayBeLong) {
  SessionState state;
  std::string header = "d";
  AppendInt32(header, 0x7fffffff);
  state.Follow(header);
  state.Follow(std::string(1'000'000, 'Z'));
  EXPECT_TRUE(state.following());
  EXPECT_EQ(state.status(), TransactionStatus::kIdle);
}

}  // namespace
}  // namespace prism::branching
