#pragma once
/// The data of a report's page, read back.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "results/report/html/report.h"
#include "tests/results/report_fixture.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {

/// The fixture's default report; in the folder as fixture.db.
ReportInput load_fixture(const ScratchFolder& folder, Random& random, bool hostile);

/// A figure of the data by its id.
const nlohmann::json& figure_of(const nlohmann::json& data, const std::string& id);

/// A table of the page as rows of objects.
std::vector<nlohmann::json> rows_of(const nlohmann::json& table);

}  // namespace dsabench::test
