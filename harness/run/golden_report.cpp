#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/run/golden_check.h"

namespace dsabench {
namespace {

/// JSON has no infinity: a difference that is none prints as the string "inf".
nlohmann::ordered_json number_or_null(const std::optional<double>& value) {
  if (!value) return nullptr;
  if (!std::isfinite(*value)) return "inf";
  return *value;
}

std::string shown(const std::optional<double>& value) {
  return value ? fmt::format("{:.3g}", *value) : "not in the reference";
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f} %", 100.0 * *share) : "not in the reference";
}

}  // namespace

std::string golden_report_json(const GoldenReport& report) {
  nlohmann::ordered_json object;
  object["model"] = report.model;
  object["max_abs_logit_diff"] = number_or_null(report.max_abs_logit_diff);
  object["max_abs_decode_logit_diff"] = number_or_null(report.max_abs_decode_logit_diff);
  object["topk_rows_checked"] = report.topk_rows_checked;
  object["topk_rows_mismatched"] = report.topk_rows_mismatched;
  object["topk_rows_excused"] = report.topk_rows_excused;
  if (report.decode_tokens_equal) {
    object["decode_tokens_equal"] = *report.decode_tokens_equal;
  } else {
    object["decode_tokens_equal"] = nullptr;
  }
  object["topk_recall"] = number_or_null(report.topk_recall);
  object["token_agreement"] = number_or_null(report.token_agreement);
  object["judged"] = report.judged;
  object["pass"] = report.pass;
  object["skipped"] = report.skipped;
  object["remarks"] = report.remarks;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string golden_report_markdown(const GoldenReport& report) {
  std::string text = fmt::format(
      "| check | result |\n|---|---|\n"
      "| model | {} |\n| largest logit difference, prefill | {} |\n"
      "| largest logit difference, decode | {} |\n"
      "| index sets | {} rows checked, {} mismatched, {} excused by a small margin |\n"
      "| reference picks found | {} |\n| decode tokens | {}, agreement {} |\n| verdict | {} |\n",
      report.model, shown(report.max_abs_logit_diff), shown(report.max_abs_decode_logit_diff),
      report.topk_rows_checked, report.topk_rows_mismatched, report.topk_rows_excused,
      percent(report.topk_recall),
      !report.decode_tokens_equal   ? "not in the reference"
      : *report.decode_tokens_equal ? "equal"
                                    : "different",
      percent(report.token_agreement),
      !report.pass    ? "FAIL"
      : report.judged ? "pass"
                      : "finite; bf16 is reported, not judged");
  for (const std::string& name : report.skipped) text += fmt::format("\nskipped: {}", name);
  for (const std::string& remark : report.remarks) text += fmt::format("\n{}", remark);
  if (!report.skipped.empty() || !report.remarks.empty()) text += "\n";
  return text;
}

}  // namespace dsabench
