#include "engine/model/safetensors.h"

#include <cstring>
#include <filesystem>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

/// A file with this header and `data_bytes` zeros after it.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data_bytes, '\0');
}

std::string damage_of(const std::string& bytes) {
  return message_of<ParseError>([&] { SafetensorsFile::from_memory(bytes, "x.safetensors"); });
}

std::string entry(const char* dtype, const char* shape, const char* offsets) {
  return std::string(R"({"dtype":")") + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

std::string one(const char* dtype, const char* shape, const char* offsets) {
  return R"({"t":)" + entry(dtype, shape, offsets) + "}";
}

}  // namespace

TEST_CASE("safetensors: what is written is read back") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "model.safetensors";
  std::vector<std::pair<std::string, Tensor>> tensors;
  const DType types[] = {DType::u8,  DType::f32,     DType::bf16,    DType::f16, DType::i64,
                         DType::i32, DType::f8_e4m3, DType::f8_e8m0, DType::i16};
  for (const DType dtype : types) {
    Tensor tensor(dtype, {random.integer(1, 5), random.integer(1, 7)});
    auto* bytes = reinterpret_cast<unsigned char*>(tensor.view().raw());
    for (std::int64_t i = 0; i < tensor.bytes(); ++i) bytes[i] = random.integer(0, 255);
    tensors.emplace_back("layer." + std::string(dtype_name(dtype)), std::move(tensor));
  }
  tensors.emplace_back("none", Tensor(DType::f32, {0, 3}));
  tensors.emplace_back("scalar", random.normal_tensor({}));
  std::vector<std::pair<std::string, ConstTensorView>> views;
  for (const auto& [name, tensor] : tensors) views.emplace_back(name, tensor);
  write_safetensors(path, views);
  write_safetensors(path, views);  // replaces

  const SafetensorsFile file = SafetensorsFile::open(path);
  CHECK(file.path() == path);
  CHECK(file.names().size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    REQUIRE(file.contains(name));
    const ConstTensorView view = file.tensor(name);
    CHECK(view.shape_string() == tensor.view().shape_string());
    CHECK(std::memcmp(view.raw(), tensor.view().raw(), std::size_t(tensor.bytes())) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(view.raw()) % dtype_bytes(view.dtype()) == 0);
  }
  for (const auto& left : std::filesystem::directory_iterator(folder.path())) {
    CHECK(left.path().filename() == "model.safetensors");
  }
}

TEST_CASE("safetensors: written twice under one name, or nowhere") {
  const ScratchFolder folder;
  const Tensor tensor(DType::f32, {2});
  CHECK_THROWS_AS(write_safetensors(folder / "a", {{"t", tensor}, {"t", tensor}}), InvalidArgument);
  CHECK_THROWS_AS(write_safetensors(folder / "no/such/folder", {{"t", tensor}}), IoError);
  Tensor wide(DType::f32, {2, 4});
  CHECK_THROWS_AS(write_safetensors(folder / "a", {{"t", wide.view().columns(0, 2)}}),
                  InvalidArgument);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors: metadata and missing tensors") {
  const std::string bytes =
      file_of(R"({"__metadata__":{"format":"pt"},"t":)" + entry("F32", "[2]", "[0,8]") + "}   ", 8);
  const SafetensorsFile file = SafetensorsFile::from_memory(bytes, "x.safetensors");
  CHECK(file.metadata("format") == "pt");
  CHECK(file.metadata("none").empty());
  CHECK(file.names() == std::vector<std::string>{"t"});
  CHECK(contains(message_of<InvalidArgument>([&] { file.tensor("u"); }),
                 "x.safetensors: no tensor named u"));
  CHECK(SafetensorsFile::from_memory(file_of("{}", 0), "x").names().empty());
}

TEST_CASE("safetensors: types and ranks that are kept by name and refused when asked for") {
  const auto use = [](const std::string& header, std::size_t data) {
    const std::string bytes = file_of(header, data);
    const SafetensorsFile file = SafetensorsFile::from_memory(bytes, "x");
    CHECK(file.contains("t"));
    return message_of<InvalidArgument>([&] { file.tensor("t"); });
  };
  CHECK(contains(use(one("F64", "[2]", "[0,16]"), 16), "t has dtype F64"));
  CHECK(contains(use(one("BOOL", "[2]", "[0,2]"), 2), "BOOL"));
  CHECK(contains(use(one("F4", "[4]", "[0,2]"), 2), "F4"));
  CHECK(contains(use(one("Q99", "[2]", "[0,5]"), 5), "Q99"));
  CHECK(contains(use(one("F32", "[1,1,1,1,1]", "[0,4]"), 4), "5 dimensions"));
}

TEST_CASE("safetensors: hostile headers are refused") {
  CHECK(contains(damage_of(""), "at least 8 bytes, got 0"));
  CHECK(contains(damage_of("1234567"), "got 7"));
  CHECK(contains(damage_of(std::string(8, '\xff')), "at most 100000000"));
  CHECK(
      contains(damage_of(std::string("\x10\0\0\0\0\0\0\0{}", 10)), "must fit the file's 10 bytes"));
  CHECK(contains(damage_of(file_of("", 0)), "start with '{'"));
  CHECK(contains(damage_of(file_of(" {}", 0)), "start with '{'"));
  CHECK(contains(damage_of(file_of("{", 0)), "malformed JSON"));
  CHECK(contains(damage_of(file_of("{}x", 0)), "malformed JSON"));
  CHECK(contains(damage_of(file_of("{}", 3)), "cover the 3 bytes"));
  CHECK(contains(damage_of(file_of("{\"a\":" + std::string(200, '['), 0)), "deeper"));
  CHECK(contains(damage_of(file_of(R"({"t":1})", 0)), "must be an object"));
  CHECK(contains(damage_of(file_of(R"({"__metadata__":{"a":1}})", 0)), "strings"));
  CHECK(contains(damage_of(file_of(R"({"__metadata__":[]})", 0)), "__metadata__"));
  CHECK(contains(damage_of(file_of(R"({"t":{"dtype":"F32","shape":[1]}})", 4)), "data_offsets"));
  const std::string twice = entry("U8", "[1]", "[0,1]");
  CHECK(contains(damage_of(file_of(R"({"t":)" + twice + R"(,"t":)" + twice + "}", 1)), "twice"));
}

TEST_CASE("safetensors: hostile entries are refused") {
  const auto entry_refusal = [](const char* dtype, const char* shape, const char* offsets,
                                std::size_t data) {
    return damage_of(file_of(one(dtype, shape, offsets), data));
  };
  CHECK(contains(entry_refusal("F32", "[2]", "[0,4]", 4), "must span the 64 bits of F32 [2]"));
  CHECK(contains(entry_refusal("F32", "[-1]", "[0,4]", 4), "got -1"));
  CHECK(contains(entry_refusal("F32", "[1.0]", "[0,4]", 4), "got 1.0"));
  CHECK(contains(entry_refusal("F32", "\"1\"", "[0,4]", 4), "shape must be a list"));
  CHECK(contains(entry_refusal("F32", "[1]", "[4,0]", 4), "must not decrease"));
  CHECK(contains(entry_refusal("F32", "[1]", "[0,4,4]", 4), "two integers"));
  CHECK(contains(entry_refusal("F32", "[1]", "[0,18446744073709551615]", 4), "2^63"));
  CHECK(contains(entry_refusal("F32", "[1]", "[-4,0]", 4), "got -4"));
  CHECK(contains(entry_refusal("F32", "[1]", "[4,8]", 8), "must begin at byte 0 (hole)"));
  CHECK(contains(entry_refusal("F32", "[1]", "[0,4]", 2), "cover the 2 bytes"));
  CHECK(contains(entry_refusal("F4", "[3]", "[0,2]", 2), "12 bits"));
  // 2^62 elements, and a product that is zero but whose strides are not representable.
  CHECK(contains(entry_refusal("F32", "[4611686018427387904]", "[0,0]", 0), "2^63 bits"));
  CHECK(contains(entry_refusal("F32", "[4294967296,4294967296]", "[0,0]", 0), "2^63 bits"));
  CHECK(contains(entry_refusal("F32", "[0,4294967296,4294967296]", "[0,0]", 0), "2^63 bits"));
  const std::string overlap =
      R"({"a":)" + entry("U8", "[4]", "[0,4]") + R"(,"b":)" + entry("U8", "[4]", "[2,6]") + "}";
  CHECK(contains(damage_of(file_of(overlap, 6)), "must begin at byte 4 (overlap), got 2"));
  const std::string any_order =
      R"({"a":)" + entry("U8", "[4]", "[2,6]") + R"(,"b":)" + entry("U8", "[2]", "[0,2]") + "}";
  const std::string bytes = file_of(any_order, 6);
  CHECK(SafetensorsFile::from_memory(bytes, "x").tensor("a").bytes() == 4);
}

TEST_CASE("safetensors: no damage to a header reads outside the file") {
  DSABENCH_SEEDED(random);
  const std::string valid = file_of(R"({"a":)" + entry("F32", "[2,3]", "[0,24]") + R"(,"b":)" +
                                        entry("BF16", "[4]", "[24,32]") + "}",
                                    32);
  int read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = valid.substr(
        0, std::size_t(random.integer(0, 9) == 0 ? random.integer(0, valid.size()) : valid.size()));
    for (std::int64_t edits = random.integer(0, 3); edits > 0 && !bytes.empty(); --edits) {
      bytes[std::size_t(random.integer(0, bytes.size() - 1))] = char(random.integer(0, 255));
    }
    try {
      const SafetensorsFile file = SafetensorsFile::from_memory(bytes, "x");
      for (const std::string& name : file.names()) {
        const ConstTensorView view = file.tensor(name);
        const auto* begin = reinterpret_cast<const char*>(view.raw());
        REQUIRE(begin >= bytes.data());
        REQUIRE(begin + view.bytes() <= bytes.data() + bytes.size());
        ++read;
      }
    } catch (const Error&) {  // refused: as good
    }
  }
  CHECK(read > 0);
}

TEST_CASE("safetensors: what is no file is refused") {
  const ScratchFolder folder;
  CHECK_THROWS_AS(SafetensorsFile::open(folder / "none"), IoError);
  CHECK_THROWS_AS(SafetensorsFile::open(folder.path()), IoError);
  CHECK_THROWS_AS(SafetensorsFile::open("/dev/null"), IoError);
  CHECK_THROWS_AS(SafetensorsFile::open(folder.write("empty", "")), ParseError);
  CHECK_THROWS_AS(CheckpointFiles::open(folder.path()), IoError);
}

TEST_CASE("safetensors: shards and their index") {
  const ScratchFolder folder;
  Tensor a(DType::f32, {2}), b(DType::f32, {3});
  a.fill_bytes(0);
  b.fill_bytes(0);
  const std::string first = "m-1.safetensors", second = "m-2.safetensors";
  write_safetensors(folder / first, {{"a", a}});
  write_safetensors(folder / second, {{"b", b}});
  const auto index = [&](const std::string& map) {
    folder.write("model.safetensors.index.json", R"({"metadata":{},"weight_map":)" + map + "}");
    return CheckpointFiles::open(folder.path());
  };
  const auto index_refusal = [&](const std::string& map) {
    return message_of<ParseError>([&] { index(map); });
  };
  const std::string both = R"({"a":"m-1.safetensors","b":"m-2.safetensors"})";
  const CheckpointFiles files = index(both);
  CHECK(files.names() == std::vector<std::string>{"a", "b"});
  CHECK(files.total_bytes() == 20);
  CHECK(files.tensor("b").dim(0) == 3);
  CHECK(files.file_of("b") == folder / second);
  CHECK_FALSE(files.contains("c"));
  CHECK_THROWS_AS(files.tensor("c"), InvalidArgument);

  CHECK(contains(index_refusal(R"({"b":"m-1.safetensors"})"), "places \"b\" in"));
  CHECK(contains(index_refusal(R"({"a":"../m-1.safetensors"})"), "inside the directory"));
  CHECK(contains(index_refusal(R"({"a":"x/../../m-1.safetensors"})"), "inside the directory"));
  CHECK(contains(index_refusal(R"({"a":"/dev/zero"})"), "inside the directory"));
  CHECK(contains(index_refusal(R"({"a":""})"), "inside the directory"));
  CHECK(contains(index_refusal(R"({"a":3})"), "must name a file"));
  CHECK(contains(index_refusal("{}"), "must name a tensor"));
  CHECK(contains(index_refusal("[]"), "must be an object"));
  CHECK_THROWS_AS(index(R"({"a":"m-3.safetensors"})"), IoError);
  write_safetensors(folder / second, {{"a", a}, {"b", b}});
  CHECK(contains(index_refusal(both), "tensor a is also in"));
}

}  // namespace dsabench::test
