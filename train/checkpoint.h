#pragma once
#include <optional>
#include <string>

#include "train/optimizer.h"
#include "train/plan.h"

namespace dsabench::train {

/// A stage's state after some of its steps. On disk it is a folder `step-<n>`, which the engine
/// reads as a checkpoint too: config.json, model.safetensors in f32, and beside them the moments in
/// bf16 and state.json, which says what all this belongs to. 8 bytes a parameter. Where the
/// moments' tensors are undefined they are not written: such a one is for later stages alone.
struct Checkpoint {
  std::int64_t step = 0;  ///< steps done
  Parameters parameters;
  Optimizer::State optimizer;
};

/// Writes `folder`/step-<n> and then removes all but the one before: a crash at any moment leaves a
/// whole one. Throws IoError.
void save_checkpoint(const std::string& folder, const Plan& plan, std::size_t stage,
                     const Checkpoint& checkpoint);

/// Makes an exported model the checkpoint with which a stage ended, without moments: what the stage
/// trained, as that export rounded it. Throws InvalidArgument naming the field where the model's
/// config or pattern is not the stage's, and where the stage has begun in `folder`; else as
/// load_weights and save_checkpoint do.
void import_model(const std::string& folder, const Plan& plan, std::size_t stage,
                  const std::string& model);

/// Removes the newest checkpoint of a stage's folder where it is that of `step`.
void discard_checkpoint(const std::string& folder, std::int64_t step);

/// The newest checkpoint's path in a stage's folder, if there is one.
std::optional<std::string> newest_checkpoint(const std::string& folder);

/// Reads it onto a device. Throws InvalidArgument naming file and field where it is of another
/// format, model, seed or stage than the plan's, and ParseError where its tensors are not those
/// that were written.
Checkpoint load_checkpoint(const std::string& path, const Plan& plan, std::size_t stage,
                           const at::Device& device);

/// Whether a checkpoint is that of a stage's last step. Throws as load_checkpoint does.
bool is_finished(const std::string& path, const Plan& plan, std::size_t stage);

/// A finished stage's parameters, for the stages after it: the moments need not be there. Throws as
/// load_checkpoint does, and InvalidArgument where steps are left.
Parameters load_finished(const std::string& path, const Plan& plan, std::size_t stage,
                         const at::Device& device);

}  // namespace dsabench::train
