#pragma once
/// c[M, N] = a[M, depth] * b[N, depth]^T of one block of 256 threads, operands in shared memory,
/// accumulators in registers: tensor cores for bf16, FMA for f32. Every element sums over depth in
/// one fixed order that depends on neither its place in the tile nor the tile's other rows.
#include <cstdint>

#include "kernels/cuda/numeric.cuh"
#include "kernels/cuda/shared_address.cuh"

namespace dsabench::cuda {

inline constexpr int kTileThreads = 256;
/// Elements of depth that one step multiplies: 128 bytes.
template <class T>
inline constexpr int kTileDepth = 128 / static_cast<int>(sizeof(T));
/// Added to a row of shared memory against bank conflicts: 16 bytes.
template <class T>
inline constexpr int kTilePad = 16 / static_cast<int>(sizeof(T));

__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}

/// c[16, 8] += a[16, 16] b[16, 8]: lane holds c rows lane / 4 (+ 8), columns 2 * (lane % 4) (+ 1).
__device__ __forceinline__ void mma(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                    std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <class T, int M, int N>
class TileProduct;

template <int M, int N>
class TileProduct<float, M, N> {
 public:
  static constexpr int kRows = M / 16, kColumns = N / 16;

  __device__ __forceinline__ void clear() {
    for (auto& row : sums_) {
      for (float& sum : row) sum = 0.0f;
    }
  }

  /// Adds the product over `depth` elements, a multiple of 4, of rows `stride` elements apart.
  __device__ __forceinline__ void step(const float* a, int a_stride, const float* b, int b_stride,
                                       int depth) {
    const int tx = static_cast<int>(threadIdx.x) % 16, ty = static_cast<int>(threadIdx.x) / 16;
#pragma unroll 2
    for (int k = 0; k < depth; k += 4) {
      float4 right[kColumns];
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        right[j] = *reinterpret_cast<const float4*>(b + (tx + 16 * j) * b_stride + k);
      }
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const float4 left = *reinterpret_cast<const float4*>(a + (ty + 16 * i) * a_stride + k);
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          float sum = sums_[i][j];
          sum = fmaf(left.x, right[j].x, sum);
          sum = fmaf(left.y, right[j].y, sum);
          sum = fmaf(left.z, right[j].z, sum);
          sums_[i][j] = fmaf(left.w, right[j].w, sum);
        }
      }
    }
  }

  /// Calls body(row, column, slot, sum) for every element this thread holds; `slot` is a
  /// compile-time index below kSlots.
  static constexpr int kSlots = kRows * kColumns;
  template <class Body>
  __device__ __forceinline__ void each(Body&& body) const {
    const int tx = static_cast<int>(threadIdx.x) % 16, ty = static_cast<int>(threadIdx.x) / 16;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        body(ty + 16 * i, tx + 16 * j, i * kColumns + j, sums_[i][j]);
      }
    }
  }
  /// Rows of which this thread holds elements, and which of them `slot` lies in.
  /// Calls body(row, column, sum, sum at column + 32) for the columns with bit 5 clear.
  template <class Body>
  __device__ __forceinline__ void each_pair(Body&& body) const {
    const int tx = static_cast<int>(threadIdx.x) % 16, ty = static_cast<int>(threadIdx.x) / 16;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        if ((16 * j & 32) == 0) body(ty + 16 * i, tx + 16 * j, sums_[i][j], sums_[i][j + 2]);
      }
    }
  }

 private:
  float sums_[kRows][kColumns];
};

/// Eight warps, four over M and two over N.
template <int M, int N>
class TileProduct<Bf16, M, N> {
 public:
  static constexpr int kRowTiles = M / 64, kColumnTiles = N / 16;
  static_assert(M % 64 == 0 && N % 32 == 0);

  __device__ __forceinline__ void clear() {
    for (auto& row : sums_) {
      for (auto& tile : row) {
        for (float& sum : tile) sum = 0.0f;
      }
    }
  }

  /// Adds the product over `depth` elements, a multiple of 16, of rows `stride` elements apart.
  __device__ __forceinline__ void step(const Bf16* a, int a_stride, const Bf16* b, int b_stride,
                                       int depth) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const Bf16* a_row = a + (first_row() + lane % 16) * a_stride + lane / 16 * 8;
    const Bf16* b_row =
        b + (first_column() + lane / 16 * 8 + lane % 8) * b_stride + lane / 8 % 2 * 8;
#pragma unroll 4
    for (int k = 0; k < depth; k += 16) {
      std::uint32_t left[kRowTiles][4];
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) load_matrices(left[i], a_row + i * 16 * a_stride + k);
#pragma unroll
      for (int j = 0; j < kColumnTiles; j += 2) {
        std::uint32_t right[4];
        load_matrices(right, b_row + j * 8 * b_stride + k);
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
          mma(sums_[i][j], left[i], right[0], right[1]);
          mma(sums_[i][j + 1], left[i], right[2], right[3]);
        }
      }
    }
  }

  static constexpr int kSlots = kRowTiles * kColumnTiles * 4;
  template <class Body>
  __device__ __forceinline__ void each(Body&& body) const {
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int j = 0; j < kColumnTiles; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          body(row(i, e), column(j, e), (i * kColumnTiles + j) * 4 + e, sums_[i][j][e]);
        }
      }
    }
  }
  template <class Body>
  __device__ __forceinline__ void each_pair(Body&& body) const {
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int j = 0; j < kColumnTiles; ++j) {
        if ((8 * j & 32) != 0) continue;
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          body(row(i, e), column(j, e), sums_[i][j][e], sums_[i][j + 4][e]);
        }
      }
    }
  }

 private:
  __device__ __forceinline__ static int first_row() {
    return static_cast<int>(threadIdx.x) / 32 / 2 * (M / 4);
  }
  __device__ __forceinline__ static int first_column() {
    return static_cast<int>(threadIdx.x) / 32 % 2 * (N / 2);
  }
  __device__ __forceinline__ static int row(int tile, int element) {
    return first_row() + tile * 16 + static_cast<int>(threadIdx.x) % 32 / 4 + element / 2 * 8;
  }
  __device__ __forceinline__ static int column(int tile, int element) {
    return first_column() + tile * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + element % 2;
  }

  float sums_[kRowTiles][kColumnTiles][4];
};

/// 16 bytes of Bf16 or float as they lie in shared memory: moved as one word, never by element.
template <class T>
struct Chunk {
  static constexpr int kSize = 16 / static_cast<int>(sizeof(T));
  uint4 data;
};

template <class T>
__device__ __forceinline__ void store_chunk(T* shared, const Chunk<T>& chunk) {
  *reinterpret_cast<uint4*>(shared) = chunk.data;
}

/// Elements [begin, begin + Chunk::kSize) of `row`, zeros from `end` on; `row` null gives zeros.
/// `aligned`: rows start at multiples of 16 bytes (of 8 for E4m3).
__device__ __forceinline__ Chunk<float> load_chunk(const float* row, int begin, int end,
                                                   bool aligned) {
  Chunk<float> chunk{};
  if (row == nullptr) return chunk;
  if (aligned && begin + 4 <= end) return {*reinterpret_cast<const uint4*>(row + begin)};
  const auto word = [&](int i) { return begin + i < end ? __float_as_uint(row[begin + i]) : 0u; };
  return {{word(0), word(1), word(2), word(3)}};
}
__device__ __forceinline__ Chunk<Bf16> load_chunk(const Bf16* row, int begin, int end,
                                                  bool aligned) {
  Chunk<Bf16> chunk{};
  if (row == nullptr) return chunk;
  if (aligned && begin + 8 <= end) return {*reinterpret_cast<const uint4*>(row + begin)};
  const auto half = [&](int i) {
    return begin + i < end ? static_cast<std::uint32_t>(row[begin + i].bits) : 0u;
  };
  const auto word = [&](int i) { return half(2 * i) | half(2 * i + 1) << 16; };
  return {{word(0), word(1), word(2), word(3)}};
}
/// The same from e4m3 codes, which bf16 holds exactly.
__device__ __forceinline__ Chunk<Bf16> load_chunk(const E4m3* row, int begin, int end,
                                                  bool aligned) {
  Chunk<Bf16> chunk{};
  if (row == nullptr) return chunk;
  uint2 codes{};
  if (aligned && begin + 8 <= end) {
    codes = *reinterpret_cast<const uint2*>(row + begin);
  } else {
    const auto code = [&](int i) {
      return begin + i < end ? static_cast<std::uint32_t>(row[begin + i].bits) << i % 4 * 8 : 0u;
    };
    codes = {code(0) | code(1) | code(2) | code(3), code(4) | code(5) | code(6) | code(7)};
  }
  const auto half = [](std::uint32_t four, int i) {
    return __float_as_uint(to_float(E4m3{static_cast<std::uint8_t>(four >> (8 * i))})) >> 16;
  };
  const auto word = [&](std::uint32_t four, int i) {
    return half(four, i) | half(four, i + 1) << 16;
  };
  return {{word(codes.x, 0), word(codes.x, 2), word(codes.y, 0), word(codes.y, 2)}};
}

}  // namespace dsabench::cuda
