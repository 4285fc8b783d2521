#include "engine/pass_input.h"

#include "tests/support/catch.h"
#include "tests/support/random_model.h"

namespace dsabench::test {
namespace {

std::vector<std::int32_t> values(const ConstTensorView& row) {
  return {row.data<std::int32_t>(), row.data<std::int32_t>() + row.num_elements()};
}

TEST_CASE("a call's input comes in the order of its passes, and says whether one pass is all") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = random_config(random, random_family(random));
  const auto pool = std::make_shared<BlockPool>(config, random_pattern(random, config.num_layers),
                                                BlockPool::Options{});
  SequenceCache first(pool), second(pool);
  first.reserve(70);
  second.reserve(10);
  first.set_length(64);
  const std::vector<std::int32_t> a{1, 2, 3}, b{7};
  const std::vector<CallInput::Entry> entries{{&first, a}, {&second, b}};
  CallInput input;

  input.stage(entries, 3, nullptr);
  const PassInput whole = input.next(4);
  CHECK(whole.is_whole_call);
  CHECK(values(whole.tokens) == std::vector<std::int32_t>{1, 2, 3, 7});
  CHECK(values(whole.positions) == std::vector<std::int32_t>{64, 65, 66, 0});
  CHECK(values(whole.slots)[1] == first.row(65));

  // One row an entry, as in decoding, but pieces of a prompt.
  input.stage(entries, 1, nullptr);
  const PassInput piece = input.next(2);
  CHECK_FALSE(piece.is_whole_call);
  CHECK(values(piece.tokens) == std::vector<std::int32_t>{1, 7});
  CHECK(values(piece.positions) == std::vector<std::int32_t>{64, 0});
  const PassInput last = input.next(1);
  CHECK_FALSE(last.is_whole_call);
  CHECK(values(last.tokens) == std::vector<std::int32_t>{2});

  const std::vector<CallInput::Entry> step{{&first, std::span(a).first(1)}, {&second, b}};
  input.stage(step, 2, nullptr);
  CHECK(input.next(2).is_whole_call);
}

}  // namespace
}  // namespace dsabench::test
