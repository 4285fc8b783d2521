#include "kernels/ops/embedding.h"

#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("embedding copies the rows of its tokens, repeats and ends included") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const std::int64_t vocab = random.integer(1, 50), tokens = random.integer(1, 40),
                       dim = random.choice<std::int64_t>({1, 7, 64, 2048});
    CAPTURE(vocab, tokens, dim);
    const Tensor table = random.normal_tensor({vocab, dim});
    Tensor ids = random.integer_tensor({tokens}, 0, vocab - 1);
    ids.data<std::int32_t>()[0] = static_cast<std::int32_t>(vocab - 1);
    test::StridedMatrix out(DType::f32, tokens, dim);
    ops::embedding({}, {table, ids, out.view()});
    for (std::int64_t t = 0; t < tokens; ++t) {
      const float* want = table.view().row<float>(ids.data<std::int32_t>()[t]);
      REQUIRE(std::equal(want, want + dim, out.view().row<float>(t)));
    }
    CHECK(out.surroundings_intact());
  }
}

TEST_CASE("embedding names the token and the row that are out of range") {
  DSABENCH_SEEDED(random);
  const Tensor table = random.normal_tensor({10, 4});
  for (const std::int32_t bad : {-1, 10, 2147483647}) {
    Tensor ids = random.integer_tensor({5}, 0, 9);
    ids.data<std::int32_t>()[3] = bad;
    Tensor out(DType::f32, {5, 4});
    std::string message;
    try {
      ops::embedding({}, {table, ids, out});
    } catch (const InvalidArgument& error) {
      message = error.what();
    }
    CAPTURE(bad, message);
    CHECK(message.find("row 3") != std::string::npos);
    CHECK(message.find(std::to_string(bad)) != std::string::npos);
  }
}

TEST_CASE("embedding refuses what does not fit") {
  Tensor table(DType::f32, {10, 4}), ids(DType::i32, {5}), out(DType::f32, {5, 4}),
      long_ids(DType::i64, {5}), wrong(DType::f32, {5, 3});
  ids.fill_bytes(0);
  CHECK_THROWS_AS(ops::embedding({}, {table, long_ids, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::embedding({}, {table, ids, wrong}), InvalidArgument);
  CHECK_THROWS_AS(ops::embedding({}, {{}, ids, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::embedding(test::cuda_context(), {table, ids, out}), InvalidArgument);
}

}  // namespace dsabench
