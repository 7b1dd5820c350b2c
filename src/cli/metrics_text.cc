#include "cli/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace prism::cli {
namespace {

std::string_view TakeUntil(std::string_view& text, std::string_view stops) {
  const std::size_t end = std::min(text.find_first_of(stops), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

bool TakePrefix(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// Behind the opening quote, up to and with the closing one; \\, \" and \n are escaped.
std::optional<std::string> TakeLabelValue(std::string_view& text) {
  std::string value;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return value;
    if (c == '\\' && !text.empty()) {
      c = text.front() == 'n' ? '\n' : text.front();
      text.remove_prefix(1);
    }
    value += c;
  }
  return std::nullopt;
}

bool TakeLabels(std::string_view& text, std::map<std::string, std::string>& labels) {
  while (!TakePrefix(text, '}')) {
    const std::string name(TakeUntil(text, "="));
    if (!TakePrefix(text, '=') || !TakePrefix(text, '"')) return false;
    std::optional<std::string> value = TakeLabelValue(text);
    if (!value) return false;
    labels[name] = *std::move(value);
    TakePrefix(text, ',');
  }
  return true;
}

std::optional<MetricSample> ParseSample(std::string_view line) {
  MetricSample sample;
  sample.name = TakeUntil(line, "{ ");
  if (TakePrefix(line, '{') && !TakeLabels(line, sample.labels)) return std::nullopt;
  while (TakePrefix(line, ' ')) {
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), sample.value);
  if (error != std::errc() || sample.name.empty()) return std::nullopt;
  return sample;
}

}  // namespace

std::vector<MetricSample> ParseMetrics(std::string_view text) {
  std::vector<MetricSample> samples;
  while (!text.empty()) {
    const std::string_view line = TakeUntil(text, "\n");
    TakePrefix(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    if (std::optional<MetricSample> sample = ParseSample(line))
      samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace prism::cli
