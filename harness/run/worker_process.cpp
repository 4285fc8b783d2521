#include "harness/run/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

[[noreturn]] void refuse(const std::string& program, int error) {
  throw IoError(fmt::format("cannot start {}: {}", program, std::strerror(error)));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// This process's environment with `variables` in it.
std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& variable : variables) replaced |= variable.starts_with(name);
    if (!replaced) all.push_back(text);
  }
  return all;
}

/// Both ends close on exec.
std::array<int, 2> socket_pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw IoError(fmt::format("cannot open a socket for a worker: {}", std::strerror(errno)));
  }
  return ends;
}

/// What the child's standard streams become.
class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  void duplicate(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from, to); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// In which process group the child is.
class Attributes {
 public:
  explicit Attributes(bool own_group) {
    ::posix_spawnattr_init(&attributes_);
    if (own_group) ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

void WorkerProcess::Stream::end(std::vector<std::string>& lines) {
  close();
  if (!partial.empty()) lines.push_back(std::exchange(partial, {}));
}

void WorkerProcess::Stream::close() {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

void WorkerProcess::Stream::read(std::vector<std::string>& lines) {
  std::array<char, 4096> buffer;
  bool end_here = false;
  while (descriptor >= 0) {
    const ssize_t count = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count <= 0) {
      end_here = true;
      break;
    }
    partial.append(buffer.data(), static_cast<std::size_t>(count));
  }
  for (std::size_t end; (end = partial.find('\n')) != std::string::npos;) {
    lines.push_back(partial.substr(0, end));
    partial.erase(0, end + 1);
  }
  if (end_here) end(lines);
}

WorkerProcess::WorkerProcess(const std::string& program, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& variables, Group group)
    : group_(group) {
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), program);
  std::vector<std::string> environment = environment_with(variables);
  const std::array<int, 2> orders = socket_pair(), remarks = socket_pair();
  out_.descriptor = orders[0];
  err_.descriptor = remarks[0];
  FileActions actions;
  actions.duplicate(orders[1], STDIN_FILENO);
  actions.duplicate(orders[1], STDOUT_FILENO);
  actions.duplicate(remarks[1], STDERR_FILENO);
  const int error = ::posix_spawn(&process_, program.c_str(), actions.get(),
                                  Attributes(group == Group::own).get(), pointers_to(words).data(),
                                  pointers_to(environment).data());
  ::close(orders[1]);
  ::close(remarks[1]);
  if (error == 0) return;
  out_.close();
  err_.close();
  refuse(program, error);
}

WorkerProcess::~WorkerProcess() {
  kill();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  out_.close();
  err_.close();
}

void WorkerProcess::send(const std::string& line) {
  const std::string text = line + '\n';
  for (std::size_t at = 0; at < text.size() && out_.descriptor >= 0;) {
    const ssize_t sent = ::send(out_.descriptor, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

void WorkerProcess::close_input() {
  if (out_.descriptor >= 0) ::shutdown(out_.descriptor, SHUT_WR);
}

void WorkerProcess::kill() const { ::kill(group_ == Group::own ? -process_ : process_, SIGKILL); }

std::vector<int> WorkerProcess::open_descriptors() const {
  std::vector<int> open;
  for (const Stream* stream : {&out_, &err_}) {
    if (stream->descriptor >= 0) open.push_back(stream->descriptor);
  }
  return open;
}

bool WorkerProcess::has_exited() const {
  siginfo_t info = {};
  return ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
         info.si_pid == process_;
}

WorkerProcess::Lines WorkerProcess::read() {
  const bool exited = has_exited();  // before the last of what it wrote is read
  Lines lines;
  out_.read(lines.out);
  err_.read(lines.err);
  if (exited) {
    // Somebody else may hold the other ends: a process that it left behind.
    out_.end(lines.out);
    err_.end(lines.err);
  }
  return lines;
}

int WorkerProcess::wait() const {
  siginfo_t info = {};
  // It stays a zombie, whose number is no other's, until this ends: kill() hits nobody else.
  while (::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

}  // namespace dsabench
