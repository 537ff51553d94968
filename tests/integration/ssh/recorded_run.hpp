// One ssh transport and all it tells, for tests that drive the loop themselves.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coro/ring_thread.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "process/transport.hpp"
#include "ssh/environment.hpp"
#include "ssh/ssh_transport.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {

/// A loop that this thread drives.
class driven_loop {
 public:
  driven_loop() = default;
  driven_loop(const driven_loop&) = delete;
  driven_loop& operator=(const driven_loop&) = delete;
  /// Closes the connections that were kept.
  ~driven_loop() { detail::join_members(loop_); }

  detail::loop& get() noexcept { return loop_; }
  operator detail::loop&() noexcept { return loop_; }

  /// Turns until `holds`, for half a minute at most.
  bool until(const std::function<bool()>& holds) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.turn(10'000'000);
    }
    return true;
  }

  /// Turns for about this long, for what should not happen; how many turns that took.
  int idle(std::chrono::milliseconds length) {
    int turns = 0;
    auto end = std::chrono::steady_clock::now() + length;
    for (; std::chrono::steady_clock::now() < end; ++turns) loop_.turn(5'000'000);
    return turns;
  }

 private:
  detail::loop loop_;
  detail::loop::driver driver_{loop_};
};

/// Closes its transport when the command has ended and its output is complete, as a lifecycle does.
class recorded_run final : public detail::transport_events {
 public:
  recorded_run(driven_loop& on, std::shared_ptr<detail::ssh_environment> shared,
               const std::string& where, std::string_view text)
      : recorded_run(on, detail::make_ssh_transport(std::move(shared), host(where)), text) {}
  recorded_run(driven_loop& on, std::unique_ptr<detail::transport> by, std::string_view text)
      : what(text), on_(on), transport_(std::move(by)) {}
  recorded_run(const recorded_run&) = delete;
  recorded_run& operator=(const recorded_run&) = delete;
  ~recorded_run() {
    if (!opened_ || closed) return;
    close();
    EXPECT_TRUE(on_.until([this] { return closed; }));
  }

  void open() {
    opened_ = true;
    in_call_ = true;
    transport_->open(what, *this);
    in_call_ = false;
  }
  void close() {
    if (closing_) return;
    closing_ = true;
    transport_->close();
  }
  void signal(int number) { transport_->signal(number); }
  void end_scope(duration until_kill) { transport_->end_scope(until_kill); }
  void pause(stream which, bool paused) { transport_->pause(which, paused); }
  void write(std::string_view bytes) { transport_->write(bytes); }
  void close_input() { transport_->close_input(); }

  /// Opens it and waits for its end.
  recorded_run& run() {
    if (!opened_) open();
    EXPECT_TRUE(on_.until([this] { return closed; })) << "hangs in " << to_string(last_phase());
    return *this;
  }
  bool in(phase p) const { return last_phase() == p && !phases.empty(); }
  phase last_phase() const { return phases.empty() ? phase::resolve : phases.back(); }

  command what;
  std::vector<phase> phases;
  int waits = 0;  // for its turn
  std::string out, err;
  int eofs = 0;
  bool exited = false;
  exit_status status;
  bool failed = false;
  end_reason how = end_reason::exited;
  std::error_code why;
  std::string context;
  std::size_t written = 0;
  bool closed = false;
  detail::end_report report;
  /// Called for each event; may call the transport.
  std::function<void()> tap;

 private:
  void on_phase(phase entered) override {
    EXPECT_FALSE(in_call_) << "an event from inside open()";
    // Back to the first one with another connection.
    EXPECT_TRUE(phases.empty() || phases.back() < entered || phases.back() <= phase::open);
    phases.push_back(entered);
    if (entered == phase::run && what.has_input) feed();
    told();
  }
  void on_waiting() override {
    ++waits;
    told();
  }
  void on_output(stream which, std::span<const char> bytes) override {
    EXPECT_TRUE(in(phase::run));
    EXPECT_FALSE(failed);
    (which == stream::out ? out : err).append(bytes.data(), bytes.size());
    told();
  }
  void on_eof(stream) override {
    ++eofs;
    if (exited && eofs == 2) close();
    told();
  }
  void on_exit(exit_status s) override {
    EXPECT_FALSE(exited || failed);
    exited = true;
    status = s;
    if (eofs == 2) close();
    told();
  }
  void on_failed(detail::failure what) override {
    EXPECT_FALSE(exited || failed);
    failed = true;
    how = what.how;
    why = what.why;
    context = std::move(what.context);
    close();
    told();
  }
  void on_written(std::size_t count) override {
    written += count;
    feed();
    told();
  }
  void on_closed(detail::end_report found) override {
    EXPECT_FALSE(closed);
    closed = true;
    report = std::move(found);
  }
  void feed() {
    std::string_view rest = std::string_view(what.input).substr(written);
    if (rest.empty()) {
      close_input();
    } else {
      write(rest);
    }
  }
  void told() {
    if (tap) tap();
  }

  driven_loop& on_;
  std::unique_ptr<detail::transport> transport_;
  bool opened_ = false;
  bool in_call_ = false;
  bool closing_ = false;
};

/// The index of the offer that the next session begins with.
inline std::size_t favourite_of(const detail::ssh_environment& shared) {
  return shared.offers.favourite(shared.offers.plan());
}

inline std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// How often a client has logged in.
inline std::size_t logins(const sshd_fixture& server) {
  return count_of(server.log(), "Accepted publickey");
}

/// Options that reach the server's own host without asking.
inline ssh_options options_for(const sshd_fixture& server) {
  ssh_options options;
  options.port = server.port();
  options.user = server.user();
  options.identities.push_back(server.identity());
  options.host_key_policy = host_keys::ignore;
  // Not what the files of this machine say: SendEnv is one more request.
  options.config_file = "none";
  return options;
}

/// The same for the tool: the words of `execo run`; `more` comes behind.
inline std::vector<std::string> execo_run(const sshd_fixture& server, const std::string& user,
                                          const std::vector<std::string>& more) {
  std::vector<std::string> words{
      EXECO_TOOL,        "run",         "-F",     "none", "-p", std::to_string(server.port()), "-i",
      server.identity(), "--host-keys", "ignore", "-l",   user};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace execo::test
