#include "results/report/device_columns.h"

#include <algorithm>

#include "results/report/ceilings.h"
#include "results/report/device_numbers.h"
#include "results/report/fields.h"

namespace dsabench::report {
namespace {

/// The row's cells, each once.
std::vector<const CellView*> cells_of(const DeviceRow& row) {
  std::vector<const CellView*> cells;
  if (row.prefill != nullptr) cells.push_back(row.prefill);
  if (row.decode != nullptr && row.decode != row.prefill) cells.push_back(row.decode);
  return cells;
}

std::vector<const TrialRecord*> trials_of(const DeviceRow& row) {
  std::vector<const TrialRecord*> trials;
  for (const CellView* cell : cells_of(row)) {
    trials.insert(trials.end(), cell->ok_trials.begin(), cell->ok_trials.end());
  }
  return trials;
}

std::optional<double> power_of(const CellView* cell) {
  if (cell == nullptr) return std::nullopt;
  return device_numbers(cell->ok_trials).power_w;
}

Field joules_per_token(const std::optional<double>& power, const std::optional<double>& time_ns,
                       std::int64_t tokens) {
  if (!power || !time_ns || tokens <= 0) return {};
  return *power * *time_ns * 1e-9 / static_cast<double>(tokens);
}

/// What share of its time the declared work of a prefill would take at the ceilings' rates.
Field matrix_percent(const DeviceRow& row) {
  if (!row.prefill_ns) return {};
  const std::optional<double> floor_ns =
      matrix_floor_ns(row.run, row.prefill->cell(), *row.prefill->ok_trials.front());
  return floor_ns ? Field(100.0 * *floor_ns / *row.prefill_ns) : Field();
}

}  // namespace

std::vector<Column> device_columns() {
  using enum Shown;
  return {{"prefill_matrix_percent", "matrix work of prefill at ceiling", "%", 1, where_it_varies},
          {"sm_mhz", "SM clock", "MHz", 0, where_it_varies},
          {"temperature_c", "hottest", "°C", 0, where_it_varies},
          {"prefill_power_w", "power, prefill", "W", 0, where_it_varies},
          {"decode_power_w", "power, decode", "W", 0, where_it_varies},
          {"prefill_joules_per_token", "energy, prefill", "J/token", 4, where_it_varies},
          {"decode_joules_per_token", "energy, decode", "J/token", 3, where_it_varies},
          {"power_capped_percent", "power-capped", "%", 0, where_it_varies},
          {"discarded", "discarded trials", "", 0, in_data}};
}

void append_device(std::vector<Field>& fields, const DeviceRow& row) {
  const CellRecord& cell = cells_of(row).front()->cell();
  const DeviceNumbers device = device_numbers(trials_of(row));
  const std::optional<double> prefill = power_of(row.prefill), decode = power_of(row.decode);
  std::int64_t discarded = 0;
  for (const CellView* view : cells_of(row)) discarded += view->num_discarded;
  fields.insert(
      fields.end(),
      {matrix_percent(row), optional_field(device.sm_mhz), optional_field(device.temperature_c),
       optional_field(prefill), optional_field(decode),
       joules_per_token(prefill, row.prefill_ns, cell.batch * cell.context_tokens),
       joules_per_token(decode, row.decode_ns, cell.batch), optional_field(device.capped_percent),
       discarded});
}

bool is_watched(const DeviceRow& row) {
  const std::vector<const TrialRecord*> trials = trials_of(row);
  return std::any_of(trials.begin(), trials.end(),
                     [](const TrialRecord* trial) { return !trial->device_samples.empty(); });
}

}  // namespace dsabench::report
