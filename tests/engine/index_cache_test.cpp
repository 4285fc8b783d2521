#include "engine/cache/index_cache.h"

#include "kernels/ops/sparse_mla.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

TEST_CASE("an index cache that no Full layer wrote is refused by the attention") {
  constexpr std::int64_t rows = 3, top_k = 5, latent_dim = 8, rope_dim = 4;
  IndexCache cache;
  cache.begin_forward(rows, top_k);
  CHECK(cache.source_layer() == -1);
  const TensorView indices = cache.indices();
  REQUIRE(indices.shape_string() == "i32 [3, 5]");

  Random random(1);
  const Tensor latents = random.normal_tensor({rows, latent_dim + rope_dim});
  const Tensor q_latent = random.normal_tensor({rows, 2, latent_dim});
  const Tensor q_rope = random.normal_tensor({rows, 2, rope_dim});
  Tensor out(DType::f32, {rows, 2, latent_dim});
  const ops::LatentSequence sequence{{0, rows, 0}, latents};
  const auto attend = [&] {
    ops::sparse_mla({}, {q_latent, q_rope, indices, {&sequence, 1}, out, 1.0f});
  };
  CHECK_THROWS_AS(attend(), InvalidArgument);

  std::fill_n(indices.data<std::int32_t>(), rows * top_k, -1);
  for (std::int64_t t = 0; t < rows; ++t) indices.row<std::int32_t>(t)[0] = 0;
  cache.set_source_layer(2);
  CHECK(cache.source_layer() == 2);
  CHECK_NOTHROW(attend());

  cache.begin_forward(rows - 1, top_k);
  CHECK(cache.source_layer() == -1);
  CHECK(cache.indices().raw() == indices.raw());
  CHECK(cache.indices().data<std::int32_t>()[0] == IndexCache::kPoison);
}

}  // namespace
}  // namespace dsabench::test
