// The commands on this host.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/command_cgroups.hpp"
#include "agent/job.hpp"
#include "agent/orphan_looks.hpp"
#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "agent/talks.hpp"
#include "wire/index_ranges.hpp"
#include "wire/messages.hpp"

namespace execo::agent {

/// Where what the commands tell goes.
class commands_owner {
 public:
  virtual void tell(const detail::started_message& what) = 0;
  virtual void tell(const detail::output_message& what) = 0;
  virtual void tell(const detail::credit_message& what) = 0;
  /// Without its digest. Of runs that fold, before their end.
  virtual void tell(detail::folded_message what) = 0;
  virtual void tell(const detail::ended_message& what) = 0;
  virtual bool has_room_for_output() const noexcept = 0;
  /// It is a child of the agent that is no command, and no orphan.
  virtual bool has_process(pid_t pid) const noexcept = 0;

 protected:
  ~commands_owner() = default;
};

/// What its processes are known by.
class ended_command {
 public:
  pid_t session = 0;
  std::uint32_t run = 0;
  bool is_left = false;  // the last look has found some of them, and it has its grace
};

class commands final : private job_owner {
 public:
  commands(reactor& on, commands_owner& owner, const surroundings& around, talks& with,
           pid_t keeper) noexcept
      : loop_(on),
        owner_(owner),
        around_(around),
        talks_(with),
        cgroups_(keeper),
        look_due_(delegate<>::to<&commands::sweep>(this)) {}

  /// Who this host is, who has reached it, and the credit of each stream.
  void introduce(const detail::welcome_message& self);

  /// Once for each run, whatever comes again.
  void execute(const detail::execute_message& order);
  /// The next bytes of an order that was not whole. False as below.
  bool add_part(const detail::part_message& part);
  /// False if it breaks the protocol. One that has ended takes everything.
  bool input(const detail::input_message& what);
  bool credit(const detail::credit_message& what);
  void signal(std::uint32_t run, int number);
  void cancel(std::uint32_t run);
  /// All of them, within `grace`.
  void cancel_all(milliseconds grace);
  void resume_all();

  /// A child is a zombie and about to be reaped. False: it is none of these.
  bool on_zombie(pid_t pid, int status, const rusage& used);
  /// Children have ended: looks for orphans of commands that were stopped. An orphan is killed once
  /// the grace period of its command is over; the end of a command that has none is reported.
  void sweep();
  /// Drops those that have ended. Not from a call of a command.
  void collect();

  bool idle() const noexcept { return jobs_.empty(); }

 private:
  void on_output(job& from, unsigned stream, std::string_view bytes) override;
  void on_input_taken(job& by, std::size_t bytes) override;
  void on_job_ended(job& which) override;
  void on_grace_over() override { sweep(); }
  void on_job_connected(job& which) override { report_started(which.run()); }
  bool has_room() const noexcept override { return owner_.has_room_for_output(); }

  /// The command that was ended and has left the orphan behind: its session says so, or its mark, a
  /// variable that each command gets. With neither, it is one of these if no command runs, and
  /// there are no cgroups to know it by: nothing else can own it. Null: it is another's, or its
  /// environment cannot be read, which makes `unsure` true: that of other users never, any while it
  /// begins another program.
  ended_command* who_left(pid_t orphan, bool& unsure);
  bool lingers(const ended_command& which) noexcept;
  /// Kills what is left in the cgroup of an ended command, once its grace period is over. True if
  /// it has killed something.
  bool clear_cgroup(ended_command& of);
  /// Pre: the order is whole and sound.
  void launch(const detail::execute_message& order);
  void connect(const detail::execute_message& order);
  void report_started(std::uint32_t run);
  void drop_partial(std::uint32_t run);
  std::vector<std::string> variables_of(const detail::execute_message& order) const;
  job_plan plan_of(const detail::execute_message& order);
  void report_kept(const job& of, unsigned stream);
  void report_not_started(std::uint32_t run, int error, std::string_view what);
  job* find(std::uint32_t run) noexcept;

  reactor& loop_;
  commands_owner& owner_;
  const surroundings& around_;
  talks& talks_;
  command_cgroups cgroups_;
  std::uint32_t index_ = 0;
  std::uint32_t window_ = 0;
  std::vector<std::string> names_;  // of this host and who has reached it, as variables
  std::string shell_;               // of the user; empty: it was not needed yet
  unique_fd nothing_;               // /dev/null, once it was needed
  detail::index_ranges known_runs_;
  std::map<std::uint32_t, detail::execute_message> partial_;  // by run
  std::map<std::uint32_t, std::unique_ptr<job>> jobs_;
  std::map<pid_t, job*> by_pid_;
  std::vector<std::uint32_t> ended_;  // runs to be collected
  std::vector<ended_command> swept_;  // that were ended: what they left behind may still run
  orphan_looks looks_;
  alarm look_due_;
};

}  // namespace execo::agent
