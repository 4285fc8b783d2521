#include "engine/pass_input.h"

#include <algorithm>

namespace dsabench {

void CallInput::stage(std::span<const Entry> entries, std::int64_t chunk, DeviceQueue* queue) {
  std::int64_t longest = 0, tokens = 0;
  for (const Entry& entry : entries) {
    const std::int64_t size = std::ssize(entry.tokens);
    longest = std::max(longest, size);
    tokens += size;
  }
  const TensorView host = host_.take(DType::i32, {3, tokens});
  auto* token = host.row<std::int32_t>(0);
  auto* position = host.row<std::int32_t>(1);
  auto* slot = host.row<std::int32_t>(2);
  for (std::int64_t begin = 0; begin < longest; begin += chunk) {
    for (const auto& [cache, given] : entries) {
      const std::int64_t end = std::min(begin + chunk, std::int64_t{std::ssize(given)});
      for (std::int64_t i = begin; i < end; ++i) {
        *token++ = given[static_cast<std::size_t>(i)];
        *position++ = static_cast<std::int32_t>(cache->length() + i);
        *slot++ = static_cast<std::int32_t>(cache->row(cache->length() + i));
      }
    }
  }
  staged_ = host;
  taken_ = 0;
  if (queue == nullptr) return;
  const TensorView there = device_.take(DType::i32, {3, tokens}, queue);
  queue->copy(there.raw(), host.raw(), host.bytes());
  staged_ = there;
}

PassInput CallInput::next(std::int64_t rows) {
  const auto piece = [&](std::int64_t of) {
    return staged_.rows(of, 1).reshaped({staged_.dim(1)}).rows(taken_, rows);
  };
  const PassInput input{piece(0), piece(1), piece(2), rows == staged_.dim(1)};
  taken_ += rows;
  return input;
}

}  // namespace dsabench
