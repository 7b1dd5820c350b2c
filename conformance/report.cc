#include "conformance/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace prism::conformance {
namespace {

struct Row {
  std::string_view interface;
  std::vector<const CaseOutcome*> cases;

  std::size_t Count(Verdict verdict) const {
    return static_cast<std::size_t>(std::count_if(
        cases.begin(), cases.end(), [&](const CaseOutcome* c) { return c->verdict == verdict; }));
  }
  // An interface is bound when any of its cases could run.
  std::string_view Summary() const {
    if (Count(Verdict::kBroken) > 0) return VerdictName(Verdict::kBroken);
    return Count(Verdict::kKept) > 0 ? VerdictName(Verdict::kKept)
                                     : VerdictName(Verdict::kNotBound);
  }
};

std::vector<Row> ByInterface(const std::vector<CaseOutcome>& outcomes) {
  std::vector<Row> rows;
  for (const CaseOutcome& outcome : outcomes) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) {
      return r.interface == outcome.test->interface;
    });
    if (row != rows.end()) {
      row->cases.push_back(&outcome);
    } else {
      rows.push_back({outcome.test->interface, {&outcome}});
    }
  }
  return rows;
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters are not allowed in XML 1.0, not even escaped.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

}  // namespace

std::string FormatText(std::string_view ns, const std::vector<CaseOutcome>& outcomes) {
  std::string text = fmt::format("namespace {}\n{:<26} {:<10} {:>6} {:>6} {:>9}\n", ns, "INTERFACE",
                                 "VERDICT", "PASS", "FAIL", "NOT BOUND");
  for (const Row& row : ByInterface(outcomes)) {
    text += fmt::format("{:<26} {:<10} {:>6} {:>6} {:>9}\n", row.interface, row.Summary(),
                        row.Count(Verdict::kKept), row.Count(Verdict::kBroken),
                        row.Count(Verdict::kNotBound));
  }
  for (const CaseOutcome& outcome : outcomes) {
    if (outcome.verdict != Verdict::kBroken) continue;
    text += fmt::format("\nFAIL {} {}: {}\n     {}\n", outcome.test->id, outcome.test->interface,
                        outcome.test->title, outcome.message);
  }
  return text;
}

std::string FormatJson(std::string_view ns, const std::vector<CaseOutcome>& outcomes) {
  nlohmann::ordered_json cases = nlohmann::ordered_json::array();
  for (const CaseOutcome& outcome : outcomes) {
    cases.push_back({{"id", outcome.test->id},
                     {"interface", outcome.test->interface},
                     {"title", outcome.test->title},
                     {"verdict", VerdictName(outcome.verdict)},
                     {"message", outcome.message},
                     {"milliseconds", outcome.duration.count()}});
  }
  nlohmann::ordered_json interfaces = nlohmann::ordered_json::object();
  for (const Row& row : ByInterface(outcomes))
    interfaces[std::string(row.interface)] = row.Summary();
  return nlohmann::ordered_json{{"namespace", ns}, {"interfaces", interfaces}, {"cases", cases}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string FormatJunit(std::string_view ns, const std::vector<CaseOutcome>& outcomes) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const Row& row : ByInterface(outcomes)) {
    xml += fmt::format("  <testsuite name=\"{}.{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
                       EscapeXml(ns), row.interface, row.cases.size(), row.Count(Verdict::kBroken),
                       row.Count(Verdict::kNotBound));
    for (const CaseOutcome* outcome : row.cases) {
      xml += fmt::format("    <testcase name=\"{} {}\" classname=\"{}\" time=\"{:.3f}\"",
                         outcome->test->id, EscapeXml(outcome->test->title), row.interface,
                         static_cast<double>(outcome->duration.count()) / 1000);
      if (outcome->verdict == Verdict::kBroken) {
        xml += fmt::format("><failure message=\"{}\"/></testcase>\n", EscapeXml(outcome->message));
      } else if (outcome->verdict == Verdict::kNotBound) {
        xml += "><skipped message=\"not bound\"/></testcase>\n";
      } else {
        xml += "/>\n";
      }
    }
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

bool AllKept(const std::vector<CaseOutcome>& outcomes) {
  return std::none_of(outcomes.begin(), outcomes.end(),
                      [](const CaseOutcome& o) { return o.verdict == Verdict::kBroken; });
}

}  // namespace prism::conformance
