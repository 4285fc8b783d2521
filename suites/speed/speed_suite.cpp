#include "suites/speed/speed_suite.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "kernels/base/error.h"
#include "suite_files.h"
#include "suites/counter_random.h"
#include "suites/suite_data.h"

namespace dsabench {
namespace {

/// Token ids over [0, size) with steps of Zipf's law: an octave [2^k - 1, 2^(k+1) - 1) of ranks is
/// drawn uniformly, then a rank inside it; ranks past the end are drawn again.
class ZipfTokens {
 public:
  explicit ZipfTokens(std::uint64_t size) : size_(size), multiplier_(1) {
    while ((std::uint64_t{1} << num_octaves_) - 1 < size) ++num_octaves_;
    // A multiplier without common factors, near the golden section, spreads the frequent ranks
    // over the whole range of ids.
    multiplier_ = size * 618 / 1000 + 1;
    while (std::gcd(multiplier_, size) != 1) ++multiplier_;
  }

  std::int32_t draw(CounterRandom& random) const {
    while (true) {
      const std::uint64_t octave = std::uint64_t{1} << random.below(num_octaves_);
      const std::uint64_t rank = octave - 1 + random.below(octave);
      if (rank < size_) return static_cast<std::int32_t>((rank + 1) * multiplier_ % size_);
    }
  }

 private:
  std::uint64_t size_, num_octaves_ = 1, multiplier_;
};

class SpeedSuite final : public Suite {
 public:
  SpeedSuite() {
    const auto json =
        parse_suite_json("suites/speed/suite.json", embedded::suite_files::speed_suite_json);
    data_ = read_suite_data(json);
    decode_tokens_ = json.at("tasks").at(0).at("decode_tokens");
  }

  std::string name() const override { return data_.name; }
  std::string version() const override { return data_.version; }
  std::string description() const override { return data_.description; }
  Kind kind() const override { return Kind::speed; }
  std::vector<std::string> tasks() const override { return data_.tasks; }
  bool needs_text() const override { return false; }
  const Scorer* scorer() const override { return nullptr; }

  void check(const SuiteRequest& request) const override {
    requested_tasks(*this, request);
    check_sizes(request);
  }

  std::vector<Sample> samples(const SuiteRequest& request) const override {
    check(request);
    const std::vector<std::string> tasks = requested_tasks(*this, request);
    const ZipfTokens tokens(static_cast<std::uint64_t>(request.vocab_size));
    std::vector<Sample> samples;
    for (const std::string& task : tasks) {
      for (std::int64_t index = 0; index < request.samples_per_task; ++index) {
        CounterRandom random = CounterRandom(request.seed)
                                   .stream(task)
                                   .stream(static_cast<std::uint64_t>(request.context_tokens))
                                   .stream(static_cast<std::uint64_t>(index));
        Sample sample;
        sample.item_id = fmt::format("{}/{}/{}", task, request.context_tokens, index);
        sample.task = task;
        sample.context_tokens = request.context_tokens;
        sample.max_new_tokens = request.decode_tokens > 0 ? request.decode_tokens : decode_tokens_;
        sample.prompt_tokens.resize(static_cast<std::size_t>(request.context_tokens));
        for (std::int32_t& token : sample.prompt_tokens) token = tokens.draw(random);
        samples.push_back(std::move(sample));
      }
    }
    return samples;
  }

 private:
  void check_sizes(const SuiteRequest& request) const {
    if (request.vocab_size < 1 || request.vocab_size > std::numeric_limits<std::int32_t>::max()) {
      throw InvalidArgument(fmt::format("suite {}: vocab_size must be in 1..2^31-1, got {}",
                                        data_.name, request.vocab_size));
    }
    if (request.decode_tokens < 0) {
      throw InvalidArgument(fmt::format("suite {}: decode_tokens must not be negative, got {}",
                                        data_.name, request.decode_tokens));
    }
  }

  SuiteData data_;
  std::int64_t decode_tokens_ = 0;
};

}  // namespace

std::unique_ptr<Suite> make_speed_suite() { return std::make_unique<SpeedSuite>(); }

}  // namespace dsabench
