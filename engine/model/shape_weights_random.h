#pragma once
#include <cstdint>
#include <string_view>

namespace dsabench {

/// The stream of a tensor: FNV-1a of its Hugging Face name, so that what a tensor holds depends
/// neither on the order of generation nor on how tensors are fused in memory.
constexpr std::uint64_t shape_stream(std::string_view tensor_name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : tensor_name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace dsabench
