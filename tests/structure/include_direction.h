#pragma once
/// Which folder may include which: the one table, and the check against it.
#include <string>
#include <string_view>
#include <vector>

namespace dsabench::test {

/// "path:line: reason" for every quoted include of `text`, the content of the file at `path`
/// (relative to the repository), that the table does not allow or that is not written from the
/// repository's root.
std::vector<std::string> include_violations(const std::string& path, std::string_view text);

}  // namespace dsabench::test
