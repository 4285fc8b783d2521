#pragma once
/// What repeats a thing many times to show that nothing is lost does so less often under the
/// sanitizers, which slow it down tenfold: the optimised build of the same tests does the rest.

namespace dsabench::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DSABENCH_SANITIZED
#endif
#endif
#if defined(DSABENCH_SANITIZED) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#undef DSABENCH_SANITIZED

}  // namespace dsabench::test
