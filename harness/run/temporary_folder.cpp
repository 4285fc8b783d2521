#include "harness/run/temporary_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

std::string make_folder() {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  if (error) throw IoError("no folder for temporary files: " + error.message());
  // mkdtemp puts letters of its own in the place of six X.
  std::string name = (parent / ("dsabench-" + std::string(6, 'X'))).string();
  if (::mkdtemp(name.data()) != nullptr) return name;
  throw IoError(
      fmt::format("cannot make a folder in {}: {}", parent.string(), std::strerror(errno)));
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path_(make_folder()) {}

TemporaryFolder::~TemporaryFolder() { remove(); }

void TemporaryFolder::remove() const noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace dsabench
