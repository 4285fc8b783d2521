#pragma once
/// LibTorch as far as training uses it: tensors, their operations and gradients (1.13 and 2.x).

// Its logging defines a CHECK that tests would take for their own.
#pragma push_macro("CHECK")
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>
#undef CHECK
#pragma pop_macro("CHECK")
