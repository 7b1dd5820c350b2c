#include "telemetry/prometheus.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace prism::telemetry {

namespace {

// HELP escapes backslash and line end; label values quotes as well.
void AppendEscaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

void PrometheusText::Family(std::string_view name, std::string_view help, std::string_view type) {
  family_ = name;
  text_ += "# HELP ";
  text_ += name;
  text_ += ' ';
  AppendEscaped(text_, help, false);
  fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", name, type);
}

void PrometheusText::Name(std::string_view suffix, Labels labels, std::string_view le) {
  text_ += family_;
  text_ += suffix;
  if (labels.size() == 0 && le.empty()) return;
  char separator = '{';
  for (const auto& [name, value] : labels) {
    text_ += separator;
    text_ += name;
    text_ += "=\"";
    AppendEscaped(text_, value, true);
    text_ += '"';
    separator = ',';
  }
  if (!le.empty()) fmt::format_to(std::back_inserter(text_), "{}le=\"{}\"", separator, le);
  text_ += '}';
}

void PrometheusText::Sample(Labels labels, std::uint64_t value) {
  Name("", labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void PrometheusText::Sample(Labels labels, double value) {
  Name("", labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", Number(value));
}

void PrometheusText::Series(Labels labels, const DurationHistogram& histogram) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < DurationHistogram::kBounds; ++i) {
    cumulative += histogram.count(i);
    Name("_bucket", labels, Number(DurationHistogram::BoundSeconds(i)));
    fmt::format_to(std::back_inserter(text_), " {}\n", cumulative);
  }
  Name("_bucket", labels, "+Inf");
  fmt::format_to(std::back_inserter(text_), " {}\n", histogram.total());
  Name("_sum", labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", Number(histogram.sum_seconds()));
  Name("_count", labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", histogram.total());
}

}  // namespace prism::telemetry
