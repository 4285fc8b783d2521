#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "engine/model/safetensors_header.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using Named = std::pair<std::string, ConstTensorView>;

/// Wide types first, then by name: with the header padded to 8 bytes, every tensor is aligned.
std::vector<Named> file_order(const std::string& path, std::vector<Named> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const Named& a, const Named& b) {
    const auto key = [](const Named& tensor) {
      return std::pair(-dtype_bytes(tensor.second.dtype()), std::string_view(tensor.first));
    };
    return key(a) < key(b);
  });
  for (const Named& tensor : tensors) {
    if (!tensor.second.is_contiguous() || !tensor.second.device().is_cpu()) {
      throw InvalidArgument(fmt::format("{}: only contiguous host tensors can be written, got {}",
                                        path, tensor.first));
    }
  }
  return tensors;
}

std::string header_text(const std::string& path, const std::vector<Named>& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::int64_t offset = 0;
  for (const auto& [name, view] : tensors) {
    if (header.contains(name) || name == "__metadata__") {
      throw InvalidArgument(fmt::format("{}: tensor name used twice or reserved: {}", path, name));
    }
    header[name] = {{"dtype", safetensors_dtype_name(view.dtype())},
                    {"shape", std::vector<std::int64_t>(view.shape().begin(), view.shape().end())},
                    {"data_offsets", {offset, offset + view.bytes()}}};
    offset += view.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, ConstTensorView>>& tensors) {
  const std::vector<Named> order = file_order(path, tensors);
  const std::string header = header_text(path, order);
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    char length[8];
    for (std::size_t i = 0; i < sizeof length; ++i) {
      length[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i) & 0xff);
    }
    file.write(length, sizeof length);
    file.write(header.data(), std::streamsize(header.size()));
    for (const auto& [name, view] : order) {
      file.write(reinterpret_cast<const char*>(view.raw()), std::streamsize(view.bytes()));
    }
    file.close();
    if (!file) {
      const int error = errno;
      std::remove(temporary.c_str());
      throw IoError(fmt::format("cannot write {}: {}", path, std::strerror(error)));
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(temporary.c_str());
    throw IoError(fmt::format("cannot write {}: {}", path, std::strerror(error)));
  }
}

}  // namespace dsabench
