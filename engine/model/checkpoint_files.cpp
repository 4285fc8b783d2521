#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestIndex = std::int64_t{256} << 20;

/// The weight_map of model.safetensors.index.json: tensor -> shard.
std::map<std::string, std::string> read_weight_map(const std::string& path) {
  const nlohmann::json root = parse_strict_json(read_text_file(path, kLargestIndex), path);
  const auto at = root.is_object() ? root.find("weight_map") : root.end();
  if (at == root.end() || !at->is_object()) throw ParseError(path, "weight_map must be an object");
  std::map<std::string, std::string> weight_map;
  for (const auto& [tensor, shard] : at->items()) {
    if (!shard.is_string()) {
      throw ParseError(path, fmt::format("weight_map must name a file for {}, got {}",
                                         json_excerpt(tensor), json_excerpt(shard)));
    }
    weight_map.emplace(tensor, shard.get<std::string>());
  }
  if (weight_map.empty()) throw ParseError(path, "weight_map must name a tensor");
  return weight_map;
}

/// A shard must lie below the directory by name; where a link leads is the user's business, since
/// the Hugging Face cache is made of links.
void check_shard_name(const std::string& index, const std::string& shard) {
  const fs::path path(shard);
  const bool leaves = std::find(path.begin(), path.end(), "..") != path.end();
  if (shard.empty() || path.is_absolute() || leaves || shard.find('\0') != std::string::npos) {
    throw ParseError(index, fmt::format("weight_map must name files inside the directory, got {}",
                                        json_excerpt(shard)));
  }
}

}  // namespace

CheckpointFiles CheckpointFiles::open(const std::string& directory) {
  const fs::path folder(directory);
  const std::string single = (folder / "model.safetensors").string();
  const std::string index = (folder / "model.safetensors.index.json").string();
  std::error_code error;
  CheckpointFiles files;
  files.directory_ = directory;
  std::map<std::string, std::string> weight_map;
  std::map<std::string, std::size_t> shards;  // in name order, so that messages are stable
  if (fs::exists(single, error)) {            // as transformers: the single file wins over an index
    files.files_.push_back(SafetensorsFile::open(single));
  } else if (fs::exists(index, error)) {
    weight_map = read_weight_map(index);
    for (const auto& [tensor, shard] : weight_map) shards.emplace(shard, 0);
    for (auto& [shard, number] : shards) {
      check_shard_name(index, shard);
      number = files.files_.size();
      files.files_.push_back(SafetensorsFile::open((folder / shard).string()));
    }
  } else {
    throw IoError(
        fmt::format("no model.safetensors or model.safetensors.index.json in {}", directory));
  }

  files.index_files();
  for (const auto& [tensor, shard] : weight_map) {
    const SafetensorsFile& file = files.files_[shards.at(shard)];
    if (!file.contains(tensor)) {
      throw ParseError(index, fmt::format("weight_map places {} in {}, which lacks it",
                                          json_excerpt(tensor), file.path()));
    }
  }
  return files;
}

CheckpointFiles CheckpointFiles::from_memory(std::string_view bytes, const std::string& name) {
  CheckpointFiles files;
  files.directory_ = name;
  files.files_.push_back(SafetensorsFile::from_memory(bytes, name + "/model.safetensors"));
  files.index_files();
  return files;
}

void CheckpointFiles::index_files() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (std::string& name : files_[i].names()) index_.emplace_back(std::move(name), i);
  }
  std::sort(index_.begin(), index_.end());
  for (std::size_t i = 1; i < index_.size(); ++i) {
    if (index_[i - 1].first == index_[i].first) {
      throw ParseError(files_[index_[i].second].path(),
                       fmt::format("tensor {} is also in {}", index_[i].first,
                                   files_[index_[i - 1].second].path()));
    }
  }
}

bool CheckpointFiles::contains(std::string_view name) const {
  const auto at = std::lower_bound(index_.begin(), index_.end(), name,
                                   [](const auto& entry, auto key) { return entry.first < key; });
  return at != index_.end() && at->first == name;
}

const SafetensorsFile& CheckpointFiles::find(std::string_view name) const {
  const auto at = std::lower_bound(index_.begin(), index_.end(), name,
                                   [](const auto& entry, auto key) { return entry.first < key; });
  if (at != index_.end() && at->first == name) return files_[at->second];
  throw InvalidArgument(fmt::format("{}: no tensor named {}", directory_, name));
}

ConstTensorView CheckpointFiles::tensor(std::string_view name) const {
  return find(name).tensor(name);
}

std::vector<std::string> CheckpointFiles::names() const {
  std::vector<std::string> names;
  names.reserve(index_.size());
  for (const auto& [name, file] : index_) names.push_back(name);
  return names;
}

const std::string& CheckpointFiles::file_of(std::string_view name) const {
  return find(name).path();
}

std::int64_t CheckpointFiles::total_bytes() const {
  std::int64_t total = 0;
  for (const SafetensorsFile& file : files_) total += file.data_bytes();
  return total;
}

}  // namespace dsabench
