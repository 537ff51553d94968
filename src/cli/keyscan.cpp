// `execo keyscan`: the host keys of many servers.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command_line/usage_error.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "descriptor_limit.hpp"
#include "execo/host_keys.hpp"
#include "execo/ssh_config.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "interrupts.hpp"
#include "keyscan_options.hpp"
#include "tally.hpp"
#include "text_input.hpp"

namespace execo::cli {
namespace {

using std::chrono::steady_clock;

constexpr const char* tool = "execo keyscan";
constexpr int exit_different = 1;
constexpr int exit_usage = 2;
constexpr int exit_machine = 71;       // EX_OSERR
constexpr int exit_interrupted = 130;  // 128 + SIGINT, as in shells

class keyscan_session {
 public:
  explicit keyscan_session(keyscan_options options)
      : options_(std::move(options)), console_(stop_) {
    if (options_.add) file_.emplace(options_.ssh.known_hosts);
  }

  /// Throws: std::invalid_argument, std::system_error.
  int run();

 private:
  task<void> take_results(key_scan& scan);
  void add(const host_result& r);
  void show(const host_key& key);
  void record(const std::vector<host_key>& keys);
  int report(duration elapsed);

  keyscan_options options_;
  stop_flag stop_;
  console console_;
  tally tally_;
  std::size_t silent_ = 0;                // hosts that closed a connection without a word
  std::optional<known_hosts_file> file_;  // of --add
  std::array<std::size_t, 5> records_{};  // by key_record
  bool running_ = false;
  context context_;
};

int keyscan_session::run() {
  key_scan scan(std::move(options_.hosts));
  scan.on(context_).fanout(options_.fanout).ssh(std::move(options_.ssh));
  scan.on_notice([this](std::string_view notice) {
    console_.note(notice);
    console_.flush();
  });
  if (!options_.types.empty()) scan.types(std::move(options_.types));
  interrupts watching(stop_, [&] {
    context_.post([&] {
      if (running_) scan.request_stop();
    });
  });
  steady_clock::time_point begun = steady_clock::now();
  running_ = true;
  sync_wait(context_, take_results(scan));
  running_ = false;
  return report(steady_clock::now() - begun);
}

task<void> keyscan_session::take_results(key_scan& scan) {
  scan.start();
  if (stop_.raised()) scan.request_stop();
  while (true) {
    std::optional<host_result> r = co_await scan.next();
    if (!r) break;
    add(*r);
  }
}

void keyscan_session::add(const host_result& r) {
  tally_.add(r);
  if (!r.err.empty()) ++silent_;
  std::vector<host_key> keys = host_keys_of(r);
  if (file_) return record(keys);
  for (const host_key& key : keys) show(key);
  console_.flush();
}

void keyscan_session::show(const host_key& key) {
  console_.out(fmt::format("# {} {}\n{}\n", key.fingerprint(), key.name, key.line()));
}

void keyscan_session::record(const std::vector<host_key>& keys) {
  std::vector<key_record> done = file_->add(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ++records_[static_cast<std::size_t>(done[i])];
    console_.out(fmt::format("{}: {} {} {}\n", keys[i].name, to_string(done[i]), keys[i].type,
                             keys[i].fingerprint()));
  }
  console_.flush();
}

int keyscan_session::report(duration elapsed) {
  auto count = [this](key_record what) { return records_[static_cast<std::size_t>(what)]; };
  for (const std::string& line : tally_.failures()) console_.note(line);
  std::size_t refused = count(key_record::different) + count(key_record::revoked);
  if (refused > 0)
    console_.note(
        fmt::format("{} of the keys differ from the known ones or are revoked, and were "
                    "not added: if a host was really given a new key, remove the old "
                    "one with `ssh-keygen -R HOST`",
                    refused));
  if (silent_ > 0)
    console_.note(
        fmt::format("{} of the hosts closed the connection when asked for a type of key "
                    "that they did not show: they have none, or were too busy",
                    silent_));
  if (file_)
    console_.note(fmt::format("{} keys added, {} known before", count(key_record::added),
                              count(key_record::known)));
  console_.note(tally_.summary(elapsed));
  console_.finish();
  if (stop_.raised()) return exit_interrupted;
  if (console_.out_error() != 0) return exit_output_lost;
  if (tally_.exit_status() != 0) return tally_.exit_status();
  return refused > 0 ? exit_different : 0;
}

int fail(std::string_view line, int status) {
  complain(tool, line);
  return status;
}

}  // namespace

int keyscan_main(int argc, char** argv) {
  try {
    std::optional<keyscan_options> options;
    {
      const warnings on_stderr{tool};
      options = parse_keyscan(command_line::words_after_name(argc, argv), load_config());
    }
    if (!options) {
      write_output(keyscan_help());
      return finish_output(tool, 0);
    }
    raise_descriptor_limit();
    (void)::signal(SIGPIPE, SIG_IGN);
    return keyscan_session(std::move(*options)).run();
  } catch (const command_line::usage_error& error) {
    return fail(error.what(), exit_usage);
  } catch (const config_error& error) {
    return fail(error.what(), exit_usage);
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), exit_usage);
  } catch (const std::exception& error) {
    return fail(error.what(), exit_machine);
  }
}

}  // namespace execo::cli
