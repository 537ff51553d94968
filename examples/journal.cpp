// A run that writes a journal, and the rest of it after an interrupt.
#include <unistd.h>

#include <cstdio>
#include <execo/execo.hpp>
#include <filesystem>
#include <string>

using namespace execo;

int main() {
  const std::string file =
      std::filesystem::temp_directory_path() / ("journal-" + std::to_string(::getpid()));
  std::vector<host> hosts{"a", "b", "c", "d"};

  // Nobody takes more than two results, and the action is gone: c and d do not begin.
  {
    auto first = local("echo {{{host}}}", hosts).fanout(1).journal(file);
    auto two = [&]() -> task<void> {
      for (int i = 0; i < 2; ++i) (void)co_await first.next();
    };
    sync_wait(two());
  }

  journal before(file);
  std::printf("done: %s, left: %s\n", before.hosts("done").to_string().c_str(),
              before.hosts("not_started").to_string().c_str());

  auto rest = local("echo {{{index}}} is {{{host}}}", before.hosts())
                  .journal(journal_options(file).resume());
  for (const host_result& r : sync_wait(rest.run()).all()) std::printf("%s", r.out.c_str());

  const bool whole = journal(file).count("ok") == hosts.size();
  std::filesystem::remove(file);
  return whole ? 0 : 1;
}
