#include "results/report/render.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>

#include "results/report/formats.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench::test {
namespace {

/// Rows of hostile texts, numbers and gaps.
Table random_table(Random& random, int num_rows) {
  Table table{"T" + hostile_text(random),
              {{"text", "Text", "", 0, Shown::everywhere, Role::identity},
               {"whole", "Whole", ""},
               {"real", "Real", ""},
               {"state", "State", "", 0, Shown::in_data, Role::state},
               {"outcome", "Outcome", "", 0, Shown::everywhere, Role::outcome},
               {"people", "People", "", 0, Shown::in_markdown}},
              {},
              {hostile_text(random)},
              "t"};
  for (int i = 0; i < num_rows; ++i) {
    const double value = random.normal() * std::pow(10, random.integer(-300, 300));
    table.rows.push_back({hostile_text(random),
                          random.integer(-1'000'000'000'000, 1'000'000'000'000),
                          random.integer(0, 4) == 0 ? Field() : Field(value),
                          random.choice<std::string>({"ok", "incorrect", "failed", "not_run"}),
                          hostile_text(random), std::string("people only")});
  }
  return table;
}

/// Control characters that a terminal would obey, C1 included; line breaks and tabs apart.
std::size_t count_controls(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    count += (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
    count += c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
  }
  return count;
}

std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record = {""};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        record.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        record.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      record.emplace_back();
    } else if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      records.push_back(record);
      record = {""};
    } else {
      record.back() += c;
    }
  }
  CHECK(record == std::vector<std::string>{""});  // the last line is ended
  return records;
}

TEST_CASE("format names parse, others are refused with the list") {
  for (const char* name : {"md", "csv", "json", "jsonl", "sql", "junit", "github"}) {
    CHECK_NOTHROW(parse_table_format(name));
    CHECK(contains(table_format_names(), name));
  }
  const auto message = message_of<InvalidArgument>([] { parse_table_format("yaml"); });
  CHECK(contains(message, "yaml"));
  CHECK(contains(message, "md, csv, json, jsonl, sql, junit, github"));
}

TEST_CASE("hostile text reaches no terminal as control characters, in any format") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    const std::vector<Table> tables = {random_table(random, 4), random_table(random, 0)};
    for (const char* name : {"md", "csv", "json", "jsonl", "sql", "junit", "github"}) {
      const std::string out = render(parse_table_format(name), tables);
      CAPTURE(name, out);
      CHECK(count_controls(out) == 0);
      CHECK(out.back() == '\n');
      CHECK_NOTHROW(nlohmann::json(out).dump());  // throws on broken UTF-8
    }
  }
  Table table{"T",
              {{"a", "a", ""}},
              {{std::string("\xc2\x9b"
                            "31m\x7f\xe2\x80\xae")}},
              {}};
  CHECK(contains(render(TableFormat::json, {table}), "\\u009b31m\\u007f\\u202e"));
}

TEST_CASE("CSV reads back") {
  DSABENCH_SEEDED(random);
  const Table table = random_table(random, 50);
  const auto records = parse_csv(render(TableFormat::csv, {table, table}));
  REQUIRE(records.size() == 2 * 51 + 1);
  CHECK(records[0] ==
        std::vector<std::string>{"table", "text", "whole", "real", "state", "outcome"});
  CHECK(records[51] == std::vector<std::string>{""});  // between tables
  for (std::size_t row = 0; row < 50; ++row) {
    const auto& record = records[row + 1];
    REQUIRE(record.size() == 6);
    CHECK(record[0] == "t");
    CHECK(record[2] == std::to_string(std::get<std::int64_t>(table.rows[row][1])));
    if (const double* value = std::get_if<double>(&table.rows[row][2])) {
      CHECK(std::stod(record[3]) == *value);
    } else {
      CHECK(record[3].empty());
    }
  }
}

TEST_CASE("CSV keeps text as text") {
  const auto cell = [](const std::string& text) {
    const Table table{"T", {{"a", "a", ""}}, {{text}}, {}};
    return parse_csv(render(TableFormat::csv, {table})).at(1).at(1);
  };
  for (const std::string formula : {"=1+1", "+1", "-1", "@x", "\t=1"}) {
    CHECK(cell(formula) == "'" + formula);
  }
  CHECK(cell("a=1") == "a=1");
  CHECK(cell("say \"x\", y") == "say \"x\", y");
  CHECK(cell("two\r\nlines\rthree") == "two\nlines\nthree");
  const Table numbers{"T", {{"a", "a", ""}}, {{std::int64_t{-5}}, {std::nan("")}}, {}};
  const auto records = parse_csv(render(TableFormat::csv, {numbers}));
  CHECK(records[1][1] == "-5");  // a number is no formula
  CHECK(records[2][1].empty());
}

TEST_CASE("JSON Lines are one object a row, and may be appended") {
  DSABENCH_SEEDED(random);
  const Table table = random_table(random, 20);
  const std::string out =
      render(TableFormat::jsonl, {table, table}) + render(TableFormat::jsonl, {table});
  std::istringstream lines(out);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto row = nlohmann::json::parse(line);
    CHECK(row["table"] == "t");
    CHECK(row["schema_version"] == 1);
    CHECK(row["whole"] == std::get<std::int64_t>(table.rows[count % 20][1]));
    CHECK_FALSE(row.contains("people"));
  }
  CHECK(count == 60);
}

TEST_CASE("SQL loads into SQLite, byte for byte") {
  DSABENCH_SEEDED(random);
  Table table = random_table(random, 50);
  table.rows[0][0] = std::string("NUL \0 inside", 12);
  table.rows[1][1] = std::numeric_limits<std::int64_t>::min();
  SQLite::Database db(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(render(TableFormat::sql, {table, table}));
  CHECK(db.execAndGet("SELECT count(*) FROM t_2").getInt() == 50);
  SQLite::Statement query(db, "SELECT text, whole, real FROM t ORDER BY rowid");
  for (const auto& row : table.rows) {
    REQUIRE(query.executeStep());
    CHECK((query.getColumn(0).getString() == std::get<std::string>(row[0])));
    CHECK(query.getColumn(1).getInt64() == std::get<std::int64_t>(row[1]));
    CHECK(query.getColumn(2).isNull() == std::holds_alternative<std::monostate>(row[2]));
    if (const double* value = std::get_if<double>(&row[2])) {
      // SQLite reads digits without rounding the last bit right in all cases.
      CHECK(std::abs(query.getColumn(2).getDouble() - *value) <= 1e-15 * std::abs(*value));
    }
  }
  // A second report of the same kind goes into the same tables.
  db.exec(render(TableFormat::sql, {table}));
  CHECK(db.execAndGet("SELECT count(*) FROM t").getInt() == 100);
}

TEST_CASE("JUnit counts what its cases say, and escapes") {
  Table table{"<T>",
              {{"n", "n", "", 0, Shown::everywhere, Role::identity},
               {"ms", "ms", "ms"},
               {"s", "s", "", 0, Shown::in_data, Role::state},
               {"o", "o", "", 0, Shown::everywhere, Role::outcome}},
              {},
              {"note & \"quote\""}};
  const auto add = [&](const char* state, const char* text) {
    table.rows.push_back(
        {std::string("a<b>\"'&\n\x1b[31m"), 1.5, std::string(state), std::string(text)});
  };
  for (const char* state : {"ok", "incorrect", "regression", "failed", "untrusted", "discarded",
                            "interrupted", "inconclusive", "not_run"}) {
    add(state, state);
  }
  const std::string xml = render(TableFormat::junit, {table});
  CHECK(contains(xml, R"(tests="9" failures="2" errors="2" skipped="4")"));
  CHECK(contains(xml, R"(<failure type="regression" message="regression"/>)"));
  CHECK(contains(xml, R"(<error type="failed" message="failed"/>)"));
  CHECK(contains(xml, R"(<skipped message="not_run"/>)"));
  CHECK(contains(xml, R"(<property name="ms" value="1.5"/>)"));
  CHECK(contains(xml, "name=\"n=a&#60;b&#62;&#34;&#39;&#38;&#10;\xEF\xBF\xBD[31m\""));
  CHECK(contains(xml, "<testsuite name=\"&#60;T&#62;\""));
  CHECK(contains(xml, "note &#38; &#34;quote&#34;"));
}

TEST_CASE("GitHub commands stay on their line") {
  Table table{"a:b,c",
              {{"n", "n", "", 0, Shown::everywhere, Role::identity},
               {"s", "s", "", 0, Shown::in_data, Role::state}},
              {{std::string("100%\r\n::error::x"), std::string("incorrect")},
               {std::string("slow"), std::string("discarded")},
               {std::string("fine"), std::string("ok")}},
              {}};
  const std::string out = render(TableFormat::github, {table});
  std::istringstream lines(out);
  std::string line;
  std::getline(lines, line);
  CHECK(line == "::error title=a%3Ab%2Cc::n=100%25%0D%0A::error::x: incorrect");
  std::getline(lines, line);
  CHECK(line == "::warning title=a%3Ab%2Cc::n=slow: discarded");
  std::getline(lines, line);
  CHECK(line == "::notice title=dsabench::3 rows: 1 ok, 1 wrong, 0 failed, 1 skipped");
  while (std::getline(lines, line)) CHECK(line.rfind("::", 0) == std::string::npos);
}

TEST_CASE("Markdown takes time in proportion to the rows") {
  Table table;
  table.columns = {{"row", "Row", ""}, {"text", "Text", ""}, {"value", "Value", "", 1}};
  constexpr std::int64_t kRows = 50'000;
  for (std::int64_t row = 0; row < kRows; ++row) {
    table.rows.push_back({row, std::string("text"), 0.5});
  }
  const std::clock_t start = std::clock();
  const std::string text = render(TableFormat::markdown, {table});
  CHECK(double(std::clock() - start) / CLOCKS_PER_SEC < 20);  // minutes, were it the square
  CHECK(std::count(text.begin(), text.end(), '\n') > kRows);
}

TEST_CASE("a table without a name is called by its title") {
  Table table;
  for (const auto& [title, name] : std::vector<std::pair<std::string, std::string>>{
           {"Speed: base, 2 GPUs", "speed_base_2_gpus"},
           {"(Speed!)", "speed"},
           {"\xc3\xa4", "table"},
           {"", "table"}}) {
    table.title = title;
    CHECK(report::table_name(table) == name);
  }
  table.name = "own";
  CHECK(report::table_name(table) == "own");
}

}  // namespace
}  // namespace dsabench::test
