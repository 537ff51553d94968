// The log of the library: silent until there is a sink.
#include <execo/execo.hpp>
#include <iostream>
#include <string>

int main() {
  execo::set_log(execo::log_level::debug, execo::log_to(1));
  execo::sync_wait(execo::process("true").run());  // its start and its end, at debug

  // Your own sink; an expensive message is formatted only if the sink takes its level.
  int warnings = 0;
  execo::set_log(execo::log_level::warning, [&](const execo::log_record& record) {
    ++warnings;
    std::cout << execo::format_log(record) << '\n';
  });
  execo::log(execo::log_level::debug, [] { return std::string("never made"); });
  execo::sync_wait(execo::process("false").run());
  execo::set_log(execo::log_level::off, {});
  return warnings == 1 ? 0 : 1;
}
