// The attributes of a child: limits, environment, a terminal, an extra descriptor.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> limited() {
  // Two gigabytes of memory, a minute of processor time, no core files, and a low priority.
  auto job = execo::process("sort --version")
                 .rlimit(RLIMIT_AS, 2ULL << 30, 2ULL << 30)
                 .rlimit(RLIMIT_CPU, 60, 70)
                 .rlimit(RLIMIT_CORE, 0, 0)
                 .nice(10)
                 .umask(077)
                 .cwd("/tmp");
  execo::result r = co_await std::move(job).run();
  if (!r.ok()) co_return 1;
  if (auto used = r.usage())
    fmt::print("took {} of processor time\n", execo::format_duration(used->user));

  // Only the variables that are named here.
  execo::result bare = co_await execo::process("env").clear_env().env("LANG", "C").run();
  fmt::print("{}", bare.out);

  // A program that needs a terminal gets one.
  execo::result seen = co_await execo::process("stty size").pty(24, 80).run();
  fmt::print("{}", seen.out);

  // One more descriptor: the child has our descriptor as its number 3.
  int file = ::open("/etc/hostname", O_RDONLY | O_CLOEXEC);
  if (file < 0) co_return 0;
  execo::result read = co_await execo::process("cat <&3").shell().pass_fd(file, 3).run();
  ::close(file);

  // A failed start is a value that names the step and its argument.
  execo::result nobody = co_await execo::process("true").user("no-such-user").run();
  fmt::print("{}\n", nobody.describe());
  bool told = nobody.how() == execo::end_reason::spawn_failed;
  co_return bare.out == "LANG=C\n" && seen.out == "24 80\r\n" && read.ok() && told ? 0 : 1;
}

int main() { return execo::sync_wait(limited()); }
