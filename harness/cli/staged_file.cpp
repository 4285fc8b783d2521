#include "harness/cli/staged_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

namespace fs = std::filesystem;

void write_to(const std::string& target, const std::string& name,
              const std::function<void(std::ostream&)>& content) {
  std::ofstream stream(target, std::ios::binary | std::ios::trunc);
  if (stream) content(stream);
  stream << std::flush;
  if (!stream) throw StoreError(fmt::format("cannot write {}: is the disk full?", name));
}

}  // namespace

StagedFile::StagedFile(std::string path, const std::string& option) : path_(std::move(path)) {
  if (!std::ofstream(path_, std::ios::app)) {
    throw IoError(fmt::format("{}: cannot write {}", option, path_));
  }
}

void StagedFile::write(const std::function<void(std::ostream&)>& content) const {
  std::error_code no_path;
  if (!fs::is_regular_file(path_, no_path)) {
    write_to(path_, path_, content);
    return;
  }
  // Behind a link, so that the link stays one.
  const std::string target = fs::canonical(path_).string();
  const std::string beside = fmt::format("{}.{}.tmp", target, ::getpid());
  std::error_code error;
  if (!std::ofstream(beside, std::ios::app)) {  // a folder that takes no new files
    write_to(path_, path_, content);
    return;
  }
  try {
    write_to(beside, path_, content);
    fs::permissions(beside, fs::status(target).permissions(), error);
    fs::rename(beside, target);
  } catch (...) {
    fs::remove(beside, error);
    throw;
  }
}

}  // namespace dsabench
