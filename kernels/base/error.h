#pragma once
/// Errors of every layer. Library code throws one of these and never exits or prints;
/// `main` maps the kind to the documented exit code (README.md).
///
/// Goals: one clear message that names the file, field and value; context added on the way up
/// without losing the type. Non-goals: error codes, stack traces.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace dsabench {

/// Base of every error that dsabench throws on purpose.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string message) : std::runtime_error(message), message_(std::move(message)) {}

  const char* what() const noexcept override { return message_.c_str(); }

  /// Puts one line of context (which cell, file, tensor) before the message; rethrow with `throw;`.
  void add_context(const std::string& context) { message_ = context + ": " + message_; }

 private:
  std::string message_;
};

/// A wrong option, size, shape, dtype or name that the caller can mend. Exit code 2.
class InvalidArgument : public Error {
  using Error::Error;
};

/// Foreign bytes that do not parse: names the file and the place. Exit code 2.
class ParseError : public Error {
 public:
  ParseError(const std::string& file, const std::string& message) : Error(file + ": " + message) {}
};

/// A file that cannot be opened, read or written. Exit code 2.
class IoError : public Error {
  using Error::Error;
};

/// A device that is absent, or an operator that this build or device does not have. Exit code 2.
class UnsupportedDevice : public Error {
  using Error::Error;
};

/// Host or device memory that could not be had; names the bytes wanted. Exit code 5.
class OutOfMemory : public Error {
 public:
  OutOfMemory(const std::string& message, std::int64_t bytes) : Error(message), bytes_(bytes) {}
  std::int64_t bytes() const noexcept { return bytes_; }

 private:
  std::int64_t bytes_;
};

/// A CUDA call that failed: expression, place, name and text. Exit code 5.
class CudaError : public Error {
  using Error::Error;
};

/// A result that does not hold against its reference or invariant. Exit code 6.
class VerificationError : public Error {
  using Error::Error;
};

/// A database that cannot be opened, read, migrated or written. Exit code 8.
class StoreError : public Error {
  using Error::Error;
};

/// Ctrl-C. Exit code 130.
class Interrupted : public Error {
  using Error::Error;
};

}  // namespace dsabench
