/// run: runs one command and waits for its end, from code without coroutines.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "execo/process.hpp"

namespace execo {

/// Runs a command to its end and returns its result: `execo::run("make -j4").check()`. The calling
/// thread drives it, on a context of its own. Setters go to a process:
/// `execo::run(execo::process("make").cwd(dir).timeout(5min))`.
///
/// Throws: never for the way the command ended; as process::start(). std::logic_error inside a
/// context, which would wait for itself: co_await process(...).run() there.
result run(process what);

/// The same with the arguments of a process: text that is split, words, or a command.
template <class... What>
requires(sizeof...(What) > 0 && !(std::same_as<std::remove_cvref_t<What>, process> || ...) &&
         std::constructible_from<process, What...>) result run(What&&... what) {
  return run(process(std::forward<What>(what)...));
}
template <detail::text_like Program>
result run(const Program& program, detail::word_list arguments) {
  return run(process(program, std::move(arguments)));
}

}  // namespace execo
