#include "results/store/exchange_reader.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"

namespace dsabench::store {
namespace {

using nlohmann::json;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void ExchangeReader::fail(const std::string& message) const {
  throw ParseError(source_, fmt::format("line {}: {}", line_, message));
}

json ExchangeReader::read_object() {
  std::string text;
  ++line_;
  if (!std::getline(in_, text)) {
    fail(in_.bad() ? "reading failed" : "the text ends before its trailer: it was cut short");
  }
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) fail("this is no JSON object");
  return object;
}

RowCounts ExchangeReader::counts_of(const json& object) const {
  const auto found = object.find("counts");
  if (found == object.end() || !found->is_object()) fail("\"counts\" is missing");
  RowCounts counts;
  for (const auto& [table, count] : found->items()) {
    if (!count.is_number_integer()) fail(fmt::format("the count of {} is no number", table));
    counts[table] = count.get<std::int64_t>();
  }
  return counts;
}

ExchangeReader::ExchangeReader(std::istream& in, std::string source)
    : in_(in), source_(std::move(source)) {
  const json header = read_object();
  if (header.value("format", json()) != kExchangeFormat) {
    fail(
        fmt::format("this is no export of dsabench: expected \"format\": \"{}\"", kExchangeFormat));
  }
  const json version = header.value("format_version", json());
  if (version != kExchangeVersion) {
    fail(fmt::format("format_version: expected {}, got {}", kExchangeVersion,
                     version.dump(-1, ' ', false, json::error_handler_t::replace)));
  }
  const json schema = header.value("schema_version", json());
  if (!schema.is_number_integer() || schema < 1 || schema > 1'000'000) {
    fail("schema_version: expected a number from 1");
  }
  schema_version_ = schema.get<int>();
  announced_ = counts_of(header);
}

ExchangeValue ExchangeReader::value_of(const std::string& key, const json& value) const {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
    fail(fmt::format("{}: the number is too large", key));
  }
  if (value.is_number()) return value.get<std::int64_t>();
  if (value.is_object() && value.size() == 1 && value.begin()->is_string()) {
    const std::string& text = value.begin()->get_ref<const std::string&>();
    if (value.begin().key() == "real" && (text == "inf" || text == "-inf")) {
      const double infinity = std::numeric_limits<double>::infinity();
      return text == "inf" ? infinity : -infinity;
    }
    if (value.begin().key() == "hex" && text.size() % 2 == 0) {
      std::string bytes;
      for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) fail(fmt::format("{}: expected lower-case hex digits", key));
        bytes += static_cast<char>(high * 16 + low);
      }
      return bytes;
    }
  }
  fail(fmt::format("{}: expected a string, a number, {{\"hex\": ...}} or {{\"real\": ...}}", key));
}

void ExchangeReader::check_end(const json& trailer) {
  const RowCounts counted = counts_of(trailer);
  if (counted != announced_) fail("the trailer's counts are not those of the header");
  for (const auto& [table, count] : announced_) {
    if (seen_[table] != count) {
      fail(fmt::format("{} rows of {} were announced, {} are there", count, table, seen_[table]));
    }
  }
  for (const auto& [table, count] : seen_) {
    if (!announced_.count(table)) fail(fmt::format("rows of {} were not announced", table));
  }
  std::string rest;
  if (std::getline(in_, rest)) {
    ++line_;
    fail("there is text after the trailer");
  }
}

bool ExchangeReader::next(ExchangeRow& row) {
  const json object = read_object();
  if (object.contains("end")) {
    check_end(object);
    return false;
  }
  const auto table = object.find("table");
  if (table == object.end() || !table->is_string()) fail("\"table\" is missing");
  row.table = table->get<std::string>();
  row.columns.clear();
  for (const auto& [key, value] : object.items()) {
    if (key != "table") row.columns.emplace_back(key, value_of(key, value));
  }
  ++seen_[row.table];
  return true;
}

}  // namespace dsabench::store
