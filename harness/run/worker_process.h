#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace dsabench {

/// A child process that is talked to in lines: they go to its stdin and come from its stdout; what
/// it writes to stderr is lines of their own. It is killed where this ends before it does.
class WorkerProcess {
 public:
  /// ours: a Ctrl-C on the terminal reaches it as it reaches this process. own: only this process
  /// ends it, and what it has started itself goes with it.
  enum class Group { ours, own };

  /// Starts `program` with `arguments` in this process's environment, in which `variables`
  /// ("NAME=value") are set. Throws IoError where the system refuses.
  WorkerProcess(const std::string& program, const std::vector<std::string>& arguments,
                const std::vector<std::string>& variables, Group group = Group::ours);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t id() const { return process_; }
  /// One line, without its end. Where the process is gone nothing happens: read() shows that.
  void send(const std::string& line);
  /// No line follows: the worker ends when it has done what it was told.
  void close_input();
  /// At once; nothing where it has ended. May be called from another thread.
  void kill() const;

  /// What can be polled for, while there is more to come: stdout first.
  std::vector<int> open_descriptors() const;

  struct Lines {
    std::vector<std::string> out, err;
  };
  /// The lines that have come so far, without waiting; a last one may lack its end.
  Lines read();
  /// Whether stdout and stderr have come to their end, which the process's own is too.
  bool ended() const { return out_.descriptor < 0 && err_.descriptor < 0; }
  /// Waits for the process: its exit code, or minus the signal that ended it.
  int wait() const;

 private:
  struct Stream {
    int descriptor = -1;
    std::string partial;
    void read(std::vector<std::string>& lines);
    void end(std::vector<std::string>& lines);
    void close();
  };

  bool has_exited() const;

  pid_t process_ = -1;
  Group group_;
  Stream out_;  ///< a socket: the worker's stdin too
  Stream err_;
};

}  // namespace dsabench
