#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "kernels/base/error.h"
#include "suite_files.h"
#include "suites/suite.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.is_open());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("embedded suite files are the files of the tree") {
  REQUIRE(embedded::suite_files::kFiles.size() >= 4);
  for (const auto& file : embedded::suite_files::kFiles) {
    CAPTURE(std::string(file.path));
    CHECK(file.content == file_text(DSABENCH_SOURCE_DIR "/suites/" + std::string(file.path)));
  }
}

TEST_CASE("every suite.json of the tree states its suite") {
  std::set<std::string> described;
  for (const auto& file : embedded::suite_files::kFiles) {
    if (file.path.find("suite.json") == std::string_view::npos) continue;
    const auto json = nlohmann::json::parse(file.content);
    const Suite& suite = find_suite(json.at("name").get<std::string>());
    described.insert(suite.name());
    CHECK(suite.version() == json.at("version").get<std::string>());
    CHECK(suite.description() == json.at("description").get<std::string>());
    CHECK_FALSE(json.at("licence").get<std::string>().empty());
    std::vector<std::string> tasks;
    for (const auto& task : json.at("tasks")) tasks.push_back(task.at("name"));
    CHECK(suite.tasks() == tasks);
  }
  CHECK(described.size() == all_suites().size());
}

TEST_CASE("suites come by name order, and only quality suites have a scorer") {
  std::vector<std::string> names;
  for (const auto& suite : all_suites()) {
    names.push_back(suite->name());
    CHECK((suite->scorer() != nullptr) == (suite->kind() == Suite::Kind::quality));
    CHECK_FALSE(suite->tasks().empty());
  }
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(names == std::vector<std::string>{"facts", "facts-compact", "ruler-synth", "speed"});
}

TEST_CASE("an unknown suite is refused with the names there are") {
  try {
    find_suite("ruler");
    FAIL("found a suite that is not there");
  } catch (const InvalidArgument& error) {
    const std::string message = error.what();
    CHECK(message.find("'ruler'") != std::string::npos);
    CHECK(message.find("facts, facts-compact, ruler-synth, speed") != std::string::npos);
  }
}

}  // namespace
}  // namespace dsabench
