// Commands in one line each, from code without coroutines.
#include <fmt/format.h>

#include <execo/run.hpp>

int main() {
  execo::result text = execo::run("ls -d /");           // split into words, nothing is expanded
  execo::result words = execo::run({"ls", "-d", "/"});  // each word as it is
  execo::result counted = execo::run(execo::process("ls / | wc -l").shell());  // a shell reads it
  fmt::print("{}{}{}", text.out, words.check().out, counted.out);
  return counted.exit_code();
}
