// Agents for tests: OpenSSH's own, and one in this process that misbehaves on request.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "program.hpp"

namespace execo::test {

/// ssh-agent in a folder of its own, for the length of a test.
class ssh_agent_fixture {
 public:
  /// Throws: std::runtime_error if it does not answer.
  ssh_agent_fixture();
  ssh_agent_fixture(const ssh_agent_fixture&) = delete;
  ssh_agent_fixture& operator=(const ssh_agent_fixture&) = delete;
  ~ssh_agent_fixture();

  static bool available();
  std::string path() const { return folder_ + "/agent"; }
  const std::string& folder() const noexcept { return folder_; }
  /// Adds a private key file, and the certificate beside it.
  void add(const std::string& file) const;
  /// Has it end, which leaves its socket's name behind.
  void end() noexcept;

 private:
  std::string folder_;
  program server_;
};

/// Answers on a thread. One message at a time, on as many connections as it takes.
class stand_in_agent {
 public:
  /// A message without its length to the answer with its length; empty: none, ever.
  using answers = std::function<std::string(std::string_view)>;

  /// Connections beyond `max_connections` are closed at once.
  stand_in_agent(const std::string& path, answers how, std::size_t max_connections = 1000);
  stand_in_agent(const stand_in_agent&) = delete;
  stand_in_agent& operator=(const stand_in_agent&) = delete;
  ~stand_in_agent();

  /// Hands each message to the agent at `path`.
  static answers relay(const std::string& path);
  static bool is_sign_request(std::string_view message) { return message.starts_with('\x0d'); }

  const std::string& path() const noexcept { return path_; }
  std::size_t refused() const noexcept { return refused_; }
  /// The most connections that it had at a time, those it refused apart.
  std::size_t peak() const noexcept { return peak_; }
  std::size_t signatures() const noexcept { return signatures_; }
  /// From now on it closes all connections, and has no socket. From its answers only.
  void die() noexcept { dead_ = true; }

 private:
  class connection {
   public:
    detail::unique_fd fd;
    std::string received;
  };
  void serve();
  void accept_one(std::vector<connection>& open);
  bool answer(connection& on);

  std::string path_;
  answers answers_;
  std::size_t max_connections_;
  detail::unique_fd listener_, stop_;
  std::atomic<std::size_t> refused_{0}, peak_{0}, signatures_{0};
  bool dead_ = false;
  std::thread thread_;
};

}  // namespace execo::test
