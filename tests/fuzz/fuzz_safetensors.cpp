// Any bytes either are refused with an error of ours or give tensors that can be read to the last
// byte.
#include <cstdlib>
#include <vector>

#include "engine/model/safetensors.h"
#include "engine/model/tensor_conversion.h"
#include "kernels/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const SafetensorsFile file = SafetensorsFile::from_memory(bytes, "fuzz");
    for (const std::string& name : file.names()) {
      if (!file.contains(name)) std::abort();
      try {
        const ConstTensorView view = file.tensor(name);
        const auto* begin = reinterpret_cast<const unsigned char*>(view.raw());
        if (begin < data || view.bytes() > data + size - begin) std::abort();
        std::vector<float> floats(static_cast<std::size_t>(view.num_elements()));
        copy_as_f32(view, floats.data());
      } catch (const InvalidArgument&) {  // a type or rank that is only kept by name
      }
    }
  } catch (const ParseError&) {
  }
  return 0;
}
