#include "engine/model/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "engine/model/safetensors_header.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// A whole file mapped read-only; empty for bytes that someone else owns.
class Mapping {
 public:
  Mapping() = default;
  explicit Mapping(const std::string& path) {
    // O_NONBLOCK: a pipe in place of a file must not stall the open.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) throw IoError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    struct stat status = {};
    const bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    void* start = nullptr;
    if (regular && status.st_size > 0) {
      start = ::mmap(nullptr, std::size_t(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    }
    const int map_error = errno;
    ::close(file);
    if (!regular) throw IoError(fmt::format("not a regular file: {}", path));
    if (start == MAP_FAILED) {
      throw IoError(fmt::format("cannot map {}: {}", path, std::strerror(map_error)));
    }
    if (start != nullptr) {
      bytes_ = {static_cast<const char*>(start), std::size_t(status.st_size)};
    }
  }
  ~Mapping() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace

struct SafetensorsFile::State {
  explicit State(const std::string& file)
      : path(file), mapping(file), header(parse_safetensors_header(mapping.bytes(), path)) {
    data = mapping.bytes().data() + header.data_begin;
  }
  State(std::string_view bytes, const std::string& name)
      : path(name), header(parse_safetensors_header(bytes, path)) {
    data = bytes.data() + header.data_begin;
  }

  std::string path;
  Mapping mapping;
  SafetensorsHeader header;
  const char* data = nullptr;
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  return SafetensorsFile(std::make_unique<State>(path));
}

SafetensorsFile SafetensorsFile::from_memory(std::string_view bytes, const std::string& name) {
  return SafetensorsFile(std::make_unique<State>(bytes, name));
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  names.reserve(state_->header.tensors.size());
  for (const auto& [name, entry] : state_->header.tensors) names.push_back(name);
  return names;
}

bool SafetensorsFile::contains(std::string_view name) const {
  return state_->header.tensors.find(name) != state_->header.tensors.end();
}

ConstTensorView SafetensorsFile::tensor(std::string_view name) const {
  const auto at = state_->header.tensors.find(name);
  if (at == state_->header.tensors.end()) {
    throw InvalidArgument(fmt::format("{}: no tensor named {}", state_->path, name));
  }
  const SafetensorsEntry& entry = at->second;
  if (!entry.dtype) {
    throw InvalidArgument(fmt::format("{}: {} has dtype {}, which is not supported", state_->path,
                                      name, entry.dtype_name));
  }
  if (entry.shape.size() > kMaxRank) {
    throw InvalidArgument(fmt::format("{}: {} has {} dimensions; at most {} are supported",
                                      state_->path, name, entry.shape.size(), kMaxRank));
  }
  return {state_->data + entry.begin, *entry.dtype, entry.shape};
}

std::string SafetensorsFile::metadata(std::string_view key) const {
  const auto at = state_->header.metadata.find(key);
  return at == state_->header.metadata.end() ? std::string() : at->second;
}

const std::string& SafetensorsFile::path() const { return state_->path; }

std::int64_t SafetensorsFile::data_bytes() const { return state_->header.data_bytes; }

}  // namespace dsabench
