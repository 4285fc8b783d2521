/// Light, dark and paper; contrast; and what a screen reader is told.
#include <cmath>
#include <sstream>

#include "tests/report_page/browser.h"
#include "tests/results/page_tables.h"

namespace dsabench::test {
namespace {

using nlohmann::json;

/// Of "rgb(1, 2, 3)", as WCAG defines it.
double luminance(const std::string& colour) {
  double red = -1, green = -1, blue = -1;
  char comma = 0;
  std::istringstream text(colour.substr(colour.find('(') + 1));
  text >> red >> comma >> green >> comma >> blue;
  REQUIRE(blue >= 0);
  const auto linear = [](double part) {
    part /= 255;
    return part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

class LookTest {
 public:
  explicit LookTest(Random& random) : page_(browser_, write(folder_, random)) {}

  Page& page() { return page_; }
  /// What a colour of the page, or a colour set on an element, is now.
  std::string colour(const std::string& variable) {
    return page_.evaluate(
        "(() => { const probe = document.createElement('span');"
        "probe.style.color = 'var(" +
        variable +
        ")';"
        "document.body.append(probe);"
        "const colour = getComputedStyle(probe).color; probe.remove();"
        "return colour; })()");
  }
  std::string background() {
    return page_.evaluate("getComputedStyle(document.body).backgroundColor");
  }
  std::string fill_of(const std::string& selector) {
    return page_.evaluate("getComputedStyle(document.querySelector('" + selector + "')).fill");
  }
  void prefer(const std::string& scheme, const std::string& media) {
    page_.call(
        "Emulation.setEmulatedMedia",
        {{"media", media}, {"features", {{{"name", "prefers-color-scheme"}, {"value", scheme}}}}});
    // The page hears of it with its next frame.
    page_.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
  }

 private:
  static std::string write(const ScratchFolder& folder, Random& random) {
    return folder.write("report.html", report_page(load_fixture(folder, random, false)));
  }
  ScratchFolder folder_;
  Browser browser_;
  Page page_;
};

void check_contrasts(LookTest& look) {
  const std::string paper = look.background();
  for (const char* text : {"--ink", "--quiet", "--accent"}) {
    CAPTURE(text);
    CHECK(contrast(look.colour(text), paper) >= 4.5);
    CHECK(contrast(look.colour(text), look.colour("--raised")) >= 4.5);
  }
  for (int i = 0; i < 8; ++i) {
    CAPTURE(i);
    CHECK(contrast(look.colour("--series-" + std::to_string(i)), paper) >= 3);
  }
}

TEST_CASE("the page follows the system's light or dark, the button, and is light on paper") {
  DSABENCH_SEEDED(random);
  LookTest look(random);
  const std::string point = "[data-panel=\"history-0\"] g.points path";
  look.prefer("light", "screen");
  const std::string light = look.background(), light_fill = look.fill_of(point);
  CHECK(light == "rgb(255, 255, 255)");
  check_contrasts(look);

  look.prefer("dark", "screen");
  const std::string dark = look.background();
  CHECK(luminance(dark) < 0.02);
  CHECK(look.fill_of(point) != light_fill);
  check_contrasts(look);
  CHECK(look.page().evaluate("document.getElementById('theme').getAttribute('aria-pressed')") ==
        "true");

  look.prefer("dark", "print");
  CHECK(look.background() == light);
  CHECK(look.fill_of(point) == light_fill);
  CHECK(look.page().evaluate("getComputedStyle(document.querySelector('nav')).display") == "none");

  look.prefer("dark", "screen");
  look.page().click("#theme");
  CHECK(look.background() == light);
  CHECK(look.fill_of(point) == light_fill);
  look.page().evaluate("document.getElementById('theme').focus()");
  look.page().press("Enter");
  CHECK(look.background() == dark);
  for (const std::string& trouble : look.page().troubles()) FAIL_CHECK(trouble);
}

TEST_CASE("a screen reader is told what each figure and table is") {
  DSABENCH_SEEDED(random);
  LookTest look(random);
  Page& page = look.page();
  CHECK(page.evaluate("document.documentElement.lang") == "en");
  CHECK(page.evaluate("document.querySelectorAll('h1').length") == 1);
  CHECK(page.evaluate("document.querySelectorAll('main').length") == 1);
  // No level of headings is jumped over.
  CHECK(page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].every((heading, i, all) =>"
                      " i === 0 || heading.tagName[1] - all[i - 1].tagName[1] <= 1)") == true);
  CHECK(page.evaluate("[...document.querySelectorAll('table')].every(table => table.caption &&"
                      " table.caption.textContent.length > 0 &&"
                      " [...table.tHead.rows[0].cells].every(cell => cell.scope === 'col') &&"
                      " [...table.tBodies[0].rows].every(row => row.cells[0].scope === 'row'))") ==
        true);
  CHECK(page.evaluate("[...document.querySelectorAll('figure')].every(figure => "
                      "figure.querySelector('figcaption').textContent.length > 60)") == true);
  std::int64_t images = 0;
  const json tree = page.call("Accessibility.getFullAXTree");
  for (const json& node : tree.at("nodes")) {
    if (node.value("ignored", false)) continue;
    const std::string role = node.at("role").value("value", "");

    const std::string name = node.contains("name") ? node["name"].value("value", "") : "";
    if (role == "image" || role == "img") {
      ++images;
      CHECK(name.size() > 20);
    }
    if (role == "button" || role == "link") CHECK_FALSE(name.empty());
  }
  CHECK(images == page.evaluate("document.querySelectorAll('.plot').length"));
  // The first key leads past the navigation.
  page.press("Tab");
  CHECK(page.evaluate("document.activeElement.className") == "skip");
  // Ids are there once, and every link inside the page leads somewhere.
  CHECK(page.evaluate("(ids => ids.length === new Set(ids).size)("
                      "[...document.querySelectorAll('[id]')].map(element => element.id))") ==
        true);
  CHECK(page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].every(link => "
                      "document.getElementById(link.hash.slice(1)))") == true);
}

}  // namespace
}  // namespace dsabench::test
