/// The page of `report` in Chromium: it draws all of its data, sorts, gives the data away as CSV,
/// asks for nothing and lets no foreign text become anything else.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "tests/report_page/browser.h"
#include "tests/results/page_tables.h"

namespace dsabench::test {
namespace {

using nlohmann::json;

/// A report in a browser, and its data.
struct OpenReport {
  ScratchFolder folder;
  ReportInput input;
  json data;
  Browser browser;
  std::unique_ptr<Page> page;

  void open() {
    data = json::parse(report_data(input));
    page = std::make_unique<Page>(browser, folder.write("report.html", report_page(input)));
  }
};

std::unique_ptr<OpenReport> open_fixture(Random& random, bool hostile) {
  auto report = std::make_unique<OpenReport>();
  report->input = load_fixture(report->folder, random, hostile);
  report->open();
  return report;
}

void check_quiet(Page& page) {
  for (const std::string& trouble : page.troubles()) FAIL_CHECK(trouble);
  for (const std::string& url : page.other_requests()) FAIL_CHECK("asked for " << url);
}

/// Rows that a panel draws.
std::vector<json> panel_rows(const json& figure, const json& panel) {
  std::vector<json> rows = rows_of(figure.at("table"));
  std::erase_if(rows, [&](const json& row) {
    const json& wanted = panel.at("rows");
    return std::find(wanted.begin(), wanted.end(), row.at("panel")) == wanted.end();
  });
  return rows;
}

std::int64_t count_where(const std::vector<json>& rows,
                         const std::function<bool(const json&)>& accepts) {
  return std::count_if(rows.begin(), rows.end(), accepts);
}

bool has(const json& row, const char* key) { return !row.at(key).is_null(); }

/// How many marks of each name a panel must have, from its rows alone.
std::map<std::string, std::int64_t> expected_marks(const json& figure, const json& panel) {
  const std::string id = figure.at("id");
  const std::vector<json> rows = panel_rows(figure, panel);
  const std::int64_t all = std::ssize(rows);
  const auto kind = [&](const char* name) {
    return count_where(rows, [&](const json& row) { return row.at("kind") == name; });
  };
  if (id == "speedup") {
    std::set<std::pair<std::string, std::string>> lines;
    for (const json& row : rows) lines.emplace(row.at("series"), row.at("source"));
    return {{"points", all},
            {"lines", std::ssize(lines)},
            {"intervals", count_where(rows, [](const json& r) { return has(r, "speedup_low"); })},
            {"reference", 1}};
  }
  if (id == "roofline") return {{"points", all}, {"intervals", 0}};
  if (id == "stages") {
    std::int64_t bars = 0;
    for (const json& row : rows) {
      for (const char* stage : {"indexer_score", "topk", "sparse_attention", "moe", "lm_head"}) {
        bars += has(row, stage) ? 1 : 0;
      }
    }
    return {{"bars", bars}};
  }
  if (id == "accuracy") return {{"points", all}, {"intervals", all}};
  if (id == "front") {
    const std::int64_t num_front =
        count_where(rows, [](const json& r) { return r.at("front") == "yes"; });
    return {
        {"points", all},
        {"names", all},
        {"score_intervals", all},
        {"speed_intervals", count_where(rows, [](const json& r) { return has(r, "speedup_low"); })},
        {"front", num_front > 1 ? 1 : 0}};  // nobody sees a line of one point
  }
  if (id == "overlap") {
    const std::string title = panel.at("title");
    // "... (4 F)": a block for each Full layer.
    return {{"cells", ReportFixture::kLayers * ReportFixture::kLayers},
            {"blocks", std::stoll(title.substr(title.rfind('(') + 1))}};
  }
  if (id == "search") {
    return {{"tried", kind("tried") + kind("kept")},
            {"found", kind("found")},
            {"all_full", kind("all Full")},
            {"curves", 1}};
  }
  REQUIRE(id == "history");
  const auto changed =
      count_where(rows, [](const json& row) { return has(row, "change_percent"); });
  return {{"points", all}, {"lines", 1}, {"changes", changed}, {"labels", changed}};
}

TEST_CASE(
    "every figure is drawn with a mark for each of its data, without a message or a request") {
  DSABENCH_SEEDED(random);
  const auto report = open_fixture(random, false);
  Page& page = *report->page;
  check_quiet(page);
  std::set<std::string> drawn;
  for (const json& figure : report->data.at("figures")) {
    const std::string id = figure.at("id");
    CAPTURE(id);
    REQUIRE_FALSE(figure.contains("missing"));
    REQUIRE(figure.at("panels").size() > 0);
    for (std::size_t i = 0; i < figure.at("panels").size(); ++i) {
      const json& panel = figure.at("panels")[i];
      CAPTURE(panel.at("title"));
      for (const auto& [name, count] : expected_marks(figure, panel)) {
        CAPTURE(name);
        const std::string marks = fmt::format("[data-panel=\"{}-{}\"] svg g.{}", id, i, name);
        // What lies in no group of its own: paths, lines and texts, each with an extent.
        const json found = page.evaluate(
            fmt::format("[...document.querySelectorAll('{}')].flatMap(group => [...group.children])"
                        ".filter(mark => mark.getBoundingClientRect().width > 0 ||"
                        " mark.getBoundingClientRect().height > 0).length",
                        marks));
        CHECK(found == count);
      }
    }
    drawn.insert(id);
  }
  CHECK(drawn.size() == 8);
  CHECK(page.evaluate("[...document.querySelectorAll('.plot svg *')].filter(element => "
                      "[...element.attributes].some(a => /NaN|undefined|Infinity/.test(a.value)))"
                      ".length") == 0);
  // No mark lies outside of its drawing.
  CHECK(page.evaluate(R"([...document.querySelectorAll('.plot')].filter(plot => {
    const box = plot.querySelector('svg').getBoundingClientRect();
    return [...plot.querySelectorAll('.role-mark path, .role-mark line')].some(mark => {
      const b = mark.getBoundingClientRect();
      return b.left < box.left - 2 || b.right > box.right + 2 || b.top < box.top - 2 ||
        b.bottom > box.bottom + 2;
    });
  }).map(plot => plot.dataset.panel))") == json::array());
}

TEST_CASE("marks stand where their values are, and cells have the shade of their share") {
  DSABENCH_SEEDED(random);
  const auto report = open_fixture(random, false);
  Page& page = *report->page;
  const json& history = figure_of(report->data, "history");
  const std::vector<json> rows = panel_rows(history, history.at("panels")[0]);
  const json places = page.evaluate(
      "[...document.querySelectorAll('[data-panel=\"history-0\"] g.points path')].map(point => {"
      "const box = point.getBoundingClientRect(); return [box.x, box.y]; })");
  REQUIRE(places.size() == rows.size());
  for (std::size_t a = 0; a < rows.size(); ++a) {
    for (std::size_t b = 0; b < rows.size(); ++b) {
      const double median_a = rows[a].at("median_ms"), median_b = rows[b].at("median_ms");
      const double y_a = places[a][1], y_b = places[b][1];
      if (median_a > median_b * 1.001) CHECK(y_a <= y_b + 0.01);
      if (a < b) CHECK(places[a][0].get<double>() < places[b][0].get<double>());
    }
  }
  const json& overlap = figure_of(report->data, "overlap");
  const std::vector<json> cells = rows_of(overlap.at("table"));
  const json fills = page.evaluate(
      "[...document.querySelectorAll('[data-panel=\"overlap-0\"] g.cells path')].map("
      "cell => cell.getAttribute('fill'))");
  const json domain = overlap.at("panels")[0].at("spec").at("scales")[2].at("domain");
  const double low = domain[0], high = domain[1];
  CHECK(low <= 20);
  CHECK(high == 100);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double share = cells[i].at("percent");
    const double shade = std::min(7.0, std::floor(8 * (share - low) / (high - low)));
    CHECK(fills[i] == fmt::format("var(--heat-{})", static_cast<int>(shade)));
  }
}

/// RFC 4180, with CRLF.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1);
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n'))) {
      rows.back().push_back(field);
      field.clear();
      if (c == '\r') {
        rows.emplace_back();
        ++i;
      }
    } else {
      field += c;
    }
  }
  CHECK_FALSE(quoted);
  CHECK(rows.back().empty());  // the last line ends too
  rows.pop_back();
  return rows;
}

void check_csv(const std::string& text, const json& table) {
  const std::vector<std::vector<std::string>> lines = parse_csv(text);
  const std::vector<json> rows = rows_of(table);
  REQUIRE(lines.size() == rows.size() + 1);
  const json& columns = table.at("columns");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(lines[i].size() == columns.size());
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string& field = lines[i][c];
      const std::string key = columns[c].at("key");
      if (i == 0) {
        CHECK(field == key);
        continue;
      }
      const json& value = rows[i - 1].at(key);
      if (value.is_null()) {
        CHECK(field.empty());
      } else if (value.is_number()) {
        CHECK(std::strtod(field.c_str(), nullptr) == value.get<double>());
      } else {
        const std::string expected = value;
        const bool formula =
            !expected.empty() && std::string("=+-@\t\r").find(expected[0]) != std::string::npos;
        CHECK(field == (formula ? "'" + expected : expected));
      }
    }
  }
}

TEST_CASE("the CSV of every figure and table is its data, foreign text included") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const ReportInput input = load_fixture(folder, random, true);
  const std::string file = folder.write("report.html", report_page(input));
  const json data = json::parse(report_data(input));
  std::vector<json> tables = {data.at("runs")};
  for (const json& figure : data.at("figures")) tables.push_back(figure.at("table"));
  for (const json& table : data.at("tables")) tables.push_back(table);
  CHECK(tables.size() >= 12);
  // After ten downloads of one page Chromium would ask somebody whether it may go on.
  constexpr std::size_t kAtOnce = 8;
  std::size_t done = 0;
  while (done < tables.size()) {
    Browser browser;
    Page page(browser, file);
    browser.call("Browser.setDownloadBehavior",
                 {{"behavior", "allow"}, {"downloadPath", folder.path()}, {"eventsEnabled", true}});
    const std::size_t end = std::min(done + kAtOnce, tables.size());
    for (; done < end; ++done) {
      const std::string name = tables[done].at("name");
      CAPTURE(name);
      page.click("button[data-csv=\"" + name + "\"]");
      json event;
      do {
        event = browser.wait_for_event("Browser.downloadProgress");
      } while (event.at("params").at("state") == "inProgress");
      REQUIRE(event.at("params").at("state") == "completed");
      check_csv(read_text(folder / (name + ".csv")), tables[done]);
    }
    check_quiet(page);
  }
}

/// The column of a table's text.
std::vector<std::string> column_text(Page& page, const std::string& table, std::size_t column) {
  std::vector<std::string> texts;
  for (const auto& row : page.table_text(table)) texts.push_back(row.at(column));
  return texts;
}

TEST_CASE("a click or a key on a heading sorts a table, and says so") {
  DSABENCH_SEEDED(random);
  const auto report = open_fixture(random, false);
  Page& page = *report->page;
  const json* table = nullptr;
  for (const json& other : report->data.at("tables")) {
    if (other.at("name").get<std::string>().starts_with("speed")) {
      table = &other;
      break;
    }
  }
  REQUIRE(table != nullptr);
  const std::string name = table->at("name");
  std::size_t shown = 0, place = 0;
  for (const json& column : table->at("columns")) {
    if (column.at("key") == "prefill_ms") place = shown;
    if (column.at("shown")) ++shown;
  }
  std::vector<json> expected = rows_of(*table);
  std::stable_sort(expected.begin(), expected.end(), [](const json& a, const json& b) {
    if (a.at("prefill_ms").is_null() || b.at("prefill_ms").is_null()) {
      return !a.at("prefill_ms").is_null() && b.at("prefill_ms").is_null();
    }
    return a.at("prefill_ms") < b.at("prefill_ms");
  });
  const std::string head = "table[data-table=\"" + name + "\"] th[data-key=\"prefill_ms\"]";
  const std::vector<std::string> before = column_text(page, name, place);
  page.click(head + " button");
  const std::vector<std::string> ascending = column_text(page, name, place);
  CHECK(ascending.size() == before.size());
  CHECK(ascending != before);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const json& value = expected[i].at("prefill_ms");
    std::string plain = ascending[i];
    std::erase(plain, ',');
    CHECK(plain.empty() == value.is_null());
    if (value.is_null()) continue;
    CHECK(std::abs(std::strtod(plain.c_str(), nullptr) - value.get<double>()) <= 0.000501);
  }
  const std::string state = "document.querySelector('" + head + "').getAttribute('aria-sort')";
  CHECK(page.evaluate(state) == "ascending");

  // The same heading by keyboard: the other way round, what is absent still last.
  page.evaluate("document.querySelector('" + head + " button').focus()");
  page.press("Enter");
  CHECK(page.evaluate(state) == "descending");
  std::vector<std::string> descending = column_text(page, name, place);
  std::vector<std::string> reversed = ascending;
  const auto absent = std::find(reversed.begin(), reversed.end(), "");
  std::reverse(reversed.begin(), absent);
  CHECK(descending == reversed);
  page.press(" ");
  CHECK(page.evaluate(state) == "ascending");
  CHECK(page.evaluate("[...document.querySelectorAll('[role=status]')].some(status => "
                      "status.textContent === 'Sorted by prefill, ascending')") == true);
  // Tab leads from heading to heading.
  page.press("Tab");
  CHECK(page.evaluate("document.activeElement.closest('th').dataset.key !== 'prefill_ms'") == true);
  CHECK(page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid");
  check_quiet(page);
}

TEST_CASE("a long table begins with its first rows and shows the others when asked") {
  DSABENCH_SEEDED(random);
  OpenReport report;
  report.input.runs.push_back(wide_run(random, 600));
  report.open();
  Page& page = *report.page;
  CHECK(page.table_text("speed").size() == 100);
  page.click("button[data-more=\"speed\"]");
  CHECK(page.table_text("speed").size() == 600);
  CHECK(page.evaluate("document.querySelector('button[data-more=\"speed\"]').hidden") == true);
  check_quiet(page);
}

TEST_CASE("single samples are drawn without intervals and without a warning") {
  DSABENCH_SEEDED(random);
  OpenReport report;
  report.input = load_fixture(report.folder, random, false);
  for (TrialRecord& trial : report.input.runs.front().trials) {
    for (MetricSamples& metric : trial.metrics) metric.values.resize(1);
  }
  report.open();
  check_quiet(*report.page);
  const std::string points = "document.querySelectorAll('[data-figure=\"{}\"] g.{} > *').length";
  CHECK(report.page->evaluate(fmt::format(fmt::runtime(points), "speedup", "intervals")) == 0);
  CHECK(report.page->evaluate(fmt::format(fmt::runtime(points), "front", "speed_intervals")) == 0);
  CHECK(report.page->evaluate(fmt::format(fmt::runtime(points), "front", "points")) == 8);
}

TEST_CASE("hostile names stay text in the page") {
  DSABENCH_SEEDED(random);
  const auto report = open_fixture(random, true);
  Page& page = *report->page;
  check_quiet(page);
  CHECK(page.evaluate("document.title") == "dsabench report: fixture.db");
  CHECK(page.evaluate("document.querySelectorAll('script').length") == 3);
  CHECK(page.evaluate("document.querySelectorAll('img, iframe, object, link, base').length") == 0);
  const json model = rows_of(report->data.at("runs")).at(0).at("model");
  CHECK(page.evaluate("[...document.querySelectorAll('td')].filter(cell => cell.textContent === " +
                      model.dump() + ").length")
            .get<int>() >= 1);
  CHECK(page.evaluate("({}).polluted === undefined && Object.keys(Object.prototype).length") == 0);
  // Panels are titled with it, and drawn nonetheless.
  for (const json& figure : report->data.at("figures")) {
    CHECK(page.evaluate("document.querySelectorAll('[data-figure=\"" +
                        figure.at("id").get<std::string>() + "\"] .plot svg').length") ==
          figure.at("panels").size());
  }
}

}  // namespace
}  // namespace dsabench::test
