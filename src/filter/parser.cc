#include "filter/parser.h"

#include <fmt/format.h>

#include <utility>

#include "filter/error.h"
#include "filter/scanner.h"

namespace prism::filter {
namespace {

using Kind = Expression::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What the values inside of `field = (...)` are compared with.
struct Subject {
  const Member& member;
  Comparator comparator;
};

Expression Negated(Expression inner) {
  Expression outer{.kind = Kind::kNot};
  outer.children.push_back(std::move(inner));
  return outer;
}

// Recursive descent, a function for each rule of the grammar. `subject` is null outside of
// `field = (...)`.
class Parser {
 public:
  Parser(std::string_view text, const Limits& limits) : scan_(text), limits_(limits) {}

  Result<Expression> Run() {
    scan_.SkipSpace();
    if (scan_.AtEnd()) return Expression{};
    TRY_ASSIGN(Expression all, ParseExpression(nullptr));
    if (!scan_.AtEnd()) return std::unexpected(scan_.Expected("AND, OR, or the end"));
    return all;
  }

 private:
  // The rules expression, sequence and factor: terms of one level, joined by one operator.
  Result<Expression> ParseExpression(const Subject* subject) {
    TRY_ASSIGN(Expression first, ParseTerm(subject));
    Expression level;
    level.children.push_back(std::move(first));
    while (true) {
      const bool space = scan_.SkipSpace();
      if (scan_.AtEnd() || scan_.Peek() == ')') break;
      if (!space) return std::unexpected(scan_.Expected("a space or an operator"));
      TRY(ParseJoin(level));
      TRY_ASSIGN(Expression next, ParseTerm(subject));
      level.children.push_back(std::move(next));
    }
    if (level.children.size() > 1) return level;
    return std::move(level.children.front());
  }

  // AND, OR, or the space that stands for AND and is behind us.
  Status ParseJoin(Expression& level) {
    const std::size_t column = scan_.Column();
    const bool is_and = scan_.TakeWord("AND");
    const Kind join = !is_and && scan_.TakeWord("OR") ? Kind::kOr : Kind::kAnd;
    if ((is_and || join == Kind::kOr) && !scan_.SkipSpace()) {
      return std::unexpected(scan_.Expected("a space behind the operator"));
    }
    if (level.children.size() > 1 && join != level.kind) {
      return std::unexpected(Refusal(kAmbiguous, column,
                                     "AND (or a space) and OR stand side by side; put parentheses "
                                     "around what belongs together: a AND (b OR c)"));
    }
    level.kind = join;
    return {};
  }

  Result<Expression> ParseTerm(const Subject* subject) {
    TRY_ASSIGN(const bool negated, TakeNegation(subject));
    TRY_ASSIGN(Expression simple, ParseSimple(subject));
    return negated ? Negated(std::move(simple)) : std::move(simple);
  }

  Result<bool> TakeNegation(const Subject* subject) {
    const bool word = scan_.TakeWord("NOT");
    if (word && !scan_.SkipSpace()) return std::unexpected(scan_.Expected("a space behind NOT"));
    const bool negated = word || (!AtSign(subject) && scan_.TakeIf('-'));
    if (negated && scan_.Peek() == '-' && !AtSign(subject)) {
      return std::unexpected(scan_.Expected("one negation only"));
    }
    return negated;
  }

  // Whether a "-" belongs to the number behind it.
  bool AtSign(const Subject* subject) const {
    return subject != nullptr && scan_.Peek() == '-' && IsDigit(scan_.Peek(1));
  }

  Result<Expression> ParseSimple(const Subject* subject) {
    if (scan_.Peek() == '(') return ParseComposite(subject);
    if (scan_.AtKeyword()) {
      return std::unexpected(scan_.Expected("a field, a value or \"(\""));
    }
    if (subject == nullptr) return ParseRestriction();
    return ParseComparison(*subject);
  }

  Result<Expression> ParseComposite(const Subject* subject) {
    if (depth_ == limits_.max_depth) {
      return std::unexpected(
          TooComplex(fmt::format("more than {} parentheses inside each other", limits_.max_depth)));
    }
    ++depth_;
    scan_.TakeIf('(');
    scan_.SkipSpace();
    TRY_ASSIGN(Expression inner, ParseExpression(subject));
    if (!scan_.TakeIf(')')) return std::unexpected(scan_.Expected("\")\""));
    --depth_;
    return inner;
  }

  // A comparison, a call, or a value alone: which one shows only behind the first name.
  Result<Expression> ParseRestriction() {
    const std::size_t start = scan_.position();
    Member member{.column = scan_.Column()};
    TRY_ASSIGN(const bool wildcards, ParseMember(member));
    if (scan_.Peek() == '(') return ParseCall(start, member.column);
    const std::size_t end = scan_.position();
    scan_.SkipSpace();
    const auto comparator = scan_.TakeComparator();
    if (!comparator) return ParseSearch(start, end);
    if (wildcards) {
      return std::unexpected(
          Refusal(kWildcardMisplaced, member.column, "the name of a field has no wildcards"));
    }
    scan_.SkipSpace();
    if (scan_.Peek() != '(') return ParseComparison({member, *comparator});
    if (*comparator != Comparator::kNotEquals) {
      const Subject subject{.member = member, .comparator = *comparator};
      return ParseComposite(&subject);
    }
    const Subject subject{.member = member, .comparator = Comparator::kEquals};
    TRY_ASSIGN(Expression equal, ParseComposite(&subject));
    return Negated(std::move(equal));
  }

  // Whether any part has a wildcard.
  Result<bool> ParseMember(Member& into) {
    bool wildcards = false;
    do {
      TRY_ASSIGN(Literal part, scan_.TakeName());
      wildcards = wildcards || part.HasWildcard();
      into.parts.push_back(std::move(part.text));
    } while (scan_.TakeIf('.'));
    return wildcards;
  }

  Result<Expression> ParseComparison(const Subject& subject) {
    TRY(CountClause());
    Expression leaf{.kind = Kind::kComparison};
    TRY_ASSIGN(leaf.literal, TakeValue());
    leaf.member = subject.member;
    leaf.comparator = subject.comparator;
    return leaf;
  }

  // The member between `start` and `end` is a value after all.
  Result<Expression> ParseSearch(std::size_t start, std::size_t end) {
    scan_.Rewind(start);
    TRY(CountClause());
    Expression leaf{.kind = Kind::kSearch};
    TRY_ASSIGN(leaf.literal, TakeValue());
    if (scan_.position() == end) return leaf;
    return std::unexpected(scan_.Expected("one string around the whole value"));
  }

  Result<Expression> ParseCall(std::size_t start, std::size_t column) {
    TRY(CountClause());
    Expression leaf{.kind = Kind::kCall};
    leaf.call.column = column;
    const std::size_t name_end = scan_.position();
    scan_.Rewind(start);
    leaf.call.name = scan_.Rest().substr(0, name_end - start);
    scan_.Rewind(name_end);
    scan_.TakeIf('(');
    scan_.SkipSpace();
    if (scan_.TakeIf(')')) return leaf;
    do {
      scan_.SkipSpace();
      TRY_ASSIGN(Literal argument, TakeValue());
      leaf.call.arguments.push_back(std::move(argument));
      scan_.SkipSpace();
    } while (scan_.TakeIf(','));
    if (!scan_.TakeIf(')')) return std::unexpected(scan_.Expected("\",\" or \")\""));
    return leaf;
  }

  // A value, which is not the result of a function.
  Result<Literal> TakeValue() {
    TRY_ASSIGN(Literal value, scan_.TakeValue());
    if (scan_.Peek() != '(') return value;
    return std::unexpected(Refusal(kFunctionUnknown, value.column,
                                   "a value can't be the result of a function; a value with "
                                   "parentheses wants quotes"));
  }

  Status CountClause() {
    if (++clauses_ <= limits_.max_clauses) return {};
    return std::unexpected(
        TooComplex(fmt::format("more than {} comparisons and values", limits_.max_clauses)));
  }

  Error TooComplex(std::string_view what) const {
    return Refusal(kTooComplex, scan_.Column(), what);
  }

  Scanner scan_;
  Limits limits_;
  std::size_t clauses_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Result<Expression> Parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) {
    return std::unexpected(Refusal(
        kTooComplex, 1, fmt::format("{} bytes, {} are allowed", text.size(), limits.max_bytes)));
  }
  TRY(CheckText(text));
  return Parser(text, limits).Run();
}

}  // namespace prism::filter
