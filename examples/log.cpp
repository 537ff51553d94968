// What the library tells of its work: nothing, until there is a sink.
#include <execo/execo.hpp>
#include <iostream>
#include <string>

int main() {
  execo::set_log(execo::log_level::debug, execo::log_to(1));
  execo::sync_wait(execo::process("true").run());  // its start and its end, at debug

  // A sink of one's own; a message that costs something is made only if somebody hears it.
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
