// Through a program of the user, whose standard input and output are the connection.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "execo/detail/deadline_timer.hpp"
#include "process/transport.hpp"
#include "ssh/route.hpp"

namespace execo::detail {

class proxy_route final : public route, private transport_events {
 public:
  proxy_route(ssh_environment& shared, const route_target& to, delegate<> wake, delegate<> over);
  ~proxy_route() override;

  progress connect(bool ready) override;
  failure why() const override { return why_; }
  unique_fd take() override;
  bool carries() const noexcept override { return true; }
  bool connects_later() const noexcept override { return true; }
  void close(ending how) override;
  bool is_over() const noexcept override { return end_ == end::over || !proxy_; }
  std::string note() const override;
  void explain(failure& lost) const override;

 private:
  // idle -> starting -> running, or failed.
  enum class stage : std::uint8_t { idle, starting, running, failed };
  // expected: it may end by itself, which says why the connection was lost. asked: it was sent HUP.
  // given_up: what is left is killed.
  enum class end : std::uint8_t { open, expected, asked, given_up, over };

  progress begin();
  std::string command_text() const;
  bool make_sockets();
  progress fail(std::error_code code, const std::string& problem);
  std::string label() const;
  std::string last_words() const;
  bool has_ended() const noexcept { return ended_ && said_all_; }
  void ask_to_end();
  void give_up();
  void time_is_up();
  void look();

  void on_phase(phase entered) override;
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(failure why) override;
  void on_written(std::size_t) override {}
  void on_closed(end_report found) override;

  ssh_environment& shared_;
  const route_target to_;
  delegate<> wake_;
  delegate<> over_;
  descriptor_shortage shortage_;
  deadline_timer limit_;
  unique_fd ours_;
  unique_fd theirs_;  // until it has started
  std::unique_ptr<command> what_;
  std::unique_ptr<transport> proxy_;  // the process
  std::optional<exit_status> ended_;
  std::string said_;  // the last of its standard error
  failure why_;
  stage stage_ = stage::idle;
  end end_ = end::open;
  bool said_all_ = false;
  bool by_itself_ = false;  // it ended
};

}  // namespace execo::detail
