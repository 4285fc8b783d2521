#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench {

/// One memory-mapped .safetensors file. The header is checked whole before any tensor is handed
/// out: header length within the file, JSON well-formed, dtypes known (unknown ones are kept by
/// name and refused when asked for), offsets in order, non-negative, inside the file, not
/// overlapping and without holes, sizes equal to shape times dtype. Throws ParseError naming file,
/// tensor and value; IoError where the file cannot be opened or mapped. Memory taken is in
/// proportion to the header. Thread-safe after construction. A file that another process shortens
/// while it is mapped kills the reader, as with every mapping.
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::string& path);
  /// Over bytes that outlive the object, for tests and fuzzing.
  static SafetensorsFile from_memory(std::string_view bytes, const std::string& name);

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  std::vector<std::string> names() const;  ///< sorted
  bool contains(std::string_view name) const;
  /// View into the mapping; rank > 4 or an unsupported dtype throws. Throws InvalidArgument naming
  /// a missing tensor. The format does not align data: copy the bytes before reading them as
  /// anything wider.
  ConstTensorView tensor(std::string_view name) const;
  /// Metadata value under `__metadata__`, or empty.
  std::string metadata(std::string_view key) const;
  const std::string& path() const;
  std::int64_t data_bytes() const;  ///< of all tensors

 private:
  struct State;
  explicit SafetensorsFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The tensors of a checkpoint directory: model.safetensors, or the shards that
/// model.safetensors.index.json names. Throws IoError / ParseError (a shard missing, a tensor in
/// two shards, a weight_map entry that its shard lacks, a shard path that leaves the directory).
class CheckpointFiles {
 public:
  static CheckpointFiles open(const std::string& directory);
  /// One file's bytes, which outlive the object, in place of a directory.
  static CheckpointFiles from_memory(std::string_view bytes, const std::string& name);
  bool contains(std::string_view name) const;
  ConstTensorView tensor(std::string_view name) const;
  std::vector<std::string> names() const;
  /// The file that holds the tensor, for messages.
  const std::string& file_of(std::string_view name) const;
  std::int64_t total_bytes() const;
  const std::string& directory() const { return directory_; }

 private:
  void index_files();
  const SafetensorsFile& find(std::string_view name) const;

  std::string directory_;
  std::vector<SafetensorsFile> files_;
  std::vector<std::pair<std::string, std::size_t>> index_;  ///< sorted by name
};

/// Writes tensors as one .safetensors file (used by tests and by tools that make checkpoints).
/// Atomic: written beside, then renamed.
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, ConstTensorView>>& tensors);

}  // namespace dsabench
