#pragma once
#include "suites/facts/vocabulary.h"

namespace dsabench::facts {

/// Note number `index`: three names, any of which may matter elsewhere. `random` is not moved.
inline Words note_at(const CounterRandom& random, std::uint64_t index) {
  const std::uint64_t bits = random.at(index);
  return {kNote, name_word(bits % kNumNames), name_word(bits / kNumNames % kNumNames),
          name_word(bits / kNumNames / kNumNames % kNumNames)};
}

}  // namespace dsabench::facts
