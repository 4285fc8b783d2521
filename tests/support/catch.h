#pragma once
/// Catch2 in whichever major version the distribution has: 2.13 (Debian 12) or 3. With
/// DSABENCH_CATCH2_HEADER_ONLY 2.13, whatever else is there (tools/pack-train brings it along).
#if !defined(DSABENCH_CATCH2_HEADER_ONLY) && __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
