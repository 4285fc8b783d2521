#include "kernels/cuda/cublaslt.h"

#include <cublasLt.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "kernels/base/error.h"

namespace dsabench::cuda {
namespace {

constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

/// The entry points that are used here.
class Library {
 public:
  Library() {
    const std::string name = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);
    handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {  // a toolkit that the loader was not told of
      handle_ = dlopen(("/usr/local/cuda/lib64/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    }
    if (handle_ == nullptr) {
      const char* reason = dlerror();
      throw UnsupportedDevice(
          fmt::format("matrix products on CUDA need {} (cuBLASLt of the CUDA toolkit {}) in the "
                      "loader's path or in /usr/local/cuda/lib64: {}",
                      name, CUBLAS_VER_MAJOR, reason == nullptr ? "not found" : reason));
    }
    load(name, "cublasLtCreate", create);
    load(name, "cublasLtMatmul", matmul);
    load(name, "cublasLtMatmulDescCreate", desc_create);
    load(name, "cublasLtMatmulDescDestroy", desc_destroy);
    load(name, "cublasLtMatmulDescSetAttribute", desc_set);
    load(name, "cublasLtMatrixLayoutCreate", layout_create);
    load(name, "cublasLtMatrixLayoutDestroy", layout_destroy);
    load(name, "cublasLtMatrixLayoutSetAttribute", layout_set);
    load(name, "cublasLtMatmulPreferenceCreate", preference_create);
    load(name, "cublasLtMatmulPreferenceDestroy", preference_destroy);
    load(name, "cublasLtMatmulPreferenceSetAttribute", preference_set);
    load(name, "cublasLtMatmulAlgoGetHeuristic", heuristic);
    load(name, "cublasLtGetStatusName", status_name);
  }

  decltype(&cublasLtCreate) create;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtGetStatusName) status_name;

  void check(cublasStatus_t status, const char* call) const {
    if (status != CUBLAS_STATUS_SUCCESS) {
      throw CudaError(fmt::format("{} failed: {}", call, status_name(status)));
    }
  }

 private:
  template <class Function>
  void load(const std::string& library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr) {
      throw UnsupportedDevice(fmt::format("{} has no entry point {}", library, name));
    }
  }
  void* handle_;  // never unloaded: streams may still run its kernels
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, void (*)(cublasLtMatrixLayout_t)>;
using Description = std::unique_ptr<cublasLtMatmulDescOpaque_t, void (*)(cublasLtMatmulDesc_t)>;

Layout make_layout(cudaDataType_t type, std::int64_t rows, std::int64_t columns,
                   std::int64_t stride, std::int64_t batch, std::int64_t batch_stride) {
  const Library& lt = library();
  cublasLtMatrixLayout_t raw = nullptr;
  lt.check(lt.layout_create(&raw, type, static_cast<std::uint64_t>(rows),
                            static_cast<std::uint64_t>(columns), std::max(stride, rows)),
           "cublasLtMatrixLayoutCreate");
  Layout layout(raw, [](cublasLtMatrixLayout_t old) { library().layout_destroy(old); });
  const auto count = static_cast<std::int32_t>(batch);
  lt.check(lt.layout_set(raw, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
           "cublasLtMatrixLayoutSetAttribute");
  lt.check(lt.layout_set(raw, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_stride,
                         sizeof batch_stride),
           "cublasLtMatrixLayoutSetAttribute");
  return layout;
}

/// Largest power of two up to 256 that divides the address.
std::uint32_t alignment(const void* pointer) {
  return 1u << std::min(8, std::countr_zero(reinterpret_cast<std::uintptr_t>(pointer)));
}

cudaDataType_t input_type(const Product& p) {
  if (p.fp8_inputs) return CUDA_R_8F_E4M3;
  return p.bf16_inputs ? CUDA_R_16BF : CUDA_R_32F;
}

/// The column-major description of a row-major product: c^T = a^T b^T.
struct Plan {
  explicit Plan(const Product& p)
      : a(make_layout(input_type(p), p.a_is_transposed ? p.m : p.k, p.a_is_transposed ? p.k : p.m,
                      p.a.stride, p.batch, p.a.batch_stride)),
        b(make_layout(input_type(p), p.k, p.n, p.b.stride, p.batch, p.b.batch_stride)),
        c(make_layout(p.bf16_output ? CUDA_R_16BF : CUDA_R_32F, p.m, p.n, p.c.stride, p.batch,
                      p.c.batch_stride)),
        description(nullptr, [](cublasLtMatmulDesc_t old) { library().desc_destroy(old); }) {
    const Library& lt = library();
    cublasLtMatmulDesc_t raw = nullptr;
    lt.check(lt.desc_create(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
    description.reset(raw);
    const cublasOperation_t operation = p.a_is_transposed ? CUBLAS_OP_N : CUBLAS_OP_T;
    set(CUBLASLT_MATMUL_DESC_TRANSA, operation);
    if (p.fp8_inputs) set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, std::int8_t{1});
  }

  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    library().check(library().desc_set(description.get(), attribute, &value, sizeof value),
                    "cublasLtMatmulDescSetAttribute");
  }

  Layout a, b, c;
  Description description;
  cublasLtMatmulAlgo_t algorithm{};
};

void choose_algorithm(cublasLtHandle_t handle, const Product& p, Plan& plan) {
  const Library& lt = library();
  cublasLtMatmulPreference_t raw = nullptr;
  lt.check(lt.preference_create(&raw), "cublasLtMatmulPreferenceCreate");
  const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, void (*)(cublasLtMatmulPreference_t)>
      preference(raw, [](cublasLtMatmulPreference_t old) { library().preference_destroy(old); });
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    lt.check(lt.preference_set(raw, attribute, &value, sizeof value),
             "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(kWorkspaceBytes));
  // Where the depth is split, the parts are added in f32, never rounded to bf16 in between.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p.a.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p.b.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p.c.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p.c.data));
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  lt.check(lt.heuristic(handle, plan.description.get(), plan.a.get(), plan.b.get(), plan.c.get(),
                        plan.c.get(), raw, 1, &result, &found),
           "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) {
    throw CudaError(
        fmt::format("cuBLASLt has no algorithm for a product of {} x {} x {}", p.m, p.n, p.k));
  }
  plan.algorithm = result.algo;
}

/// The library's handle for one device and the plans made for it.
class Planner {
 public:
  void run(const Launch& launch, const Product& p) {
    const std::lock_guard lock(mutex_);
    const Library& lt = library();
    if (handle_ == nullptr) lt.check(lt.create(&handle_), "cublasLtCreate");
    Plan& plan = plan_for(p);
    const float alpha = 1.0f, beta = p.adds_to_c ? 1.0f : 0.0f;
    lt.check(lt.matmul(handle_, plan.description.get(), &alpha, p.a.data, plan.a.get(), p.b.data,
                       plan.b.get(), &beta, p.c.data, plan.c.get(), p.c.data, plan.c.get(),
                       &plan.algorithm, launch.scratch(kWorkspaceBytes),
                       static_cast<std::size_t>(kWorkspaceBytes), launch.stream()),
             "cublasLtMatmul");
  }

 private:
  using Key = std::tuple<bool, bool, bool, bool, bool, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, std::uint32_t, std::uint32_t, std::uint32_t>;

  Plan& plan_for(const Product& p) {
    const Key key{p.fp8_inputs,
                  p.bf16_inputs,
                  p.bf16_output,
                  p.a_is_transposed,
                  p.adds_to_c,
                  p.m,
                  p.n,
                  p.k,
                  p.batch,
                  p.a.stride,
                  p.a.batch_stride,
                  p.b.stride,
                  p.b.batch_stride,
                  p.c.stride,
                  p.c.batch_stride,
                  alignment(p.a.data),
                  alignment(p.b.data),
                  alignment(p.c.data)};
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    if (plans_.size() >= kMaxPlans) plans_.clear();
    Plan plan(p);
    choose_algorithm(handle_, p, plan);
    return plans_.emplace(key, std::move(plan)).first->second;
  }

  /// Prefills of many lengths must not grow the table for ever.
  static constexpr std::size_t kMaxPlans = 4096;
  std::mutex mutex_;
  cublasLtHandle_t handle_ = nullptr;  // never destroyed: the driver may be gone by then
  std::map<Key, Plan> plans_;
};

Planner& planner_of_current_device() {
  static std::mutex mutex;
  static std::map<int, Planner>& planners = *new std::map<int, Planner>;  // outlives every stream
  int ordinal = 0;
  DSABENCH_CUDA_CHECK(cudaGetDevice(&ordinal));
  const std::lock_guard lock(mutex);
  return planners[ordinal];
}

}  // namespace

void require_cublaslt() { library(); }

void multiply(const Launch& launch, const Product& product) {
  planner_of_current_device().run(launch, product);
}

}  // namespace dsabench::cuda
