/// What to run and how, as a value, and the fluent setters of every class that runs commands.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/attributes.hpp"
#include "execo/detail/attribute_options.hpp"
#include "execo/detail/setter.hpp"
#include "execo/detail/words.hpp"
#include "execo/handler.hpp"
#include "execo/stdio.hpp"
#include "execo/stop_policy.hpp"
#include "execo/time.hpp"

namespace execo {

class context;

/// A command: words, or text for a shell, with its environment and limits.
class command {
 public:
  /// Splits `text` into words as a POSIX shell does, without expanding anything; call shell() to
  /// have a shell read it instead.
  template <detail::text_like Text>
  explicit command(const Text& text) : command(as_text(), detail::text_view(text)) {}
  /// Words, each passed as it is: `command("ls", "-l")`, `command({"ls", "-l"})`,
  /// `command("ls", {"-l"})`, or a range of them.
  template <detail::text_like Program, detail::text_like... Word>
  requires(sizeof...(Word) > 0) command(const Program& program, const Word&... word)
      : command(as_words(), detail::word_list(program, word...)) {}
  template <detail::text_like Program>
  command(const Program& program, detail::word_list arguments)
      : command(as_words(), detail::word_list(program)) {
    add_words(std::move(arguments));
  }
  template <detail::word_range Words>
  explicit command(const Words& argv) : command(as_words(), detail::word_list(argv)) {}

  /// Adds words, each passed as it is.
  void add_words(detail::word_list more);

  /// Throws: std::invalid_argument for an unclosed quote in text that no shell will read.
  std::vector<std::string> argv() const;
  /// The text as given, or the words quoted so that a shell reads them back.
  std::string shell_text() const;
  /// As set by out(), err() and in().
  void set_out(sink where);
  void set_err(sink where);
  void set_in(source from);
  /// Its name or its text, for display: whitespace collapsed, at most 60
  /// characters.
  std::string name() const;
  /// The signals that end it, in order; the last is KILL.
  std::vector<execo::stop_policy::step> stop_sequence() const;
  /// The scope that was set, or the default for its process group.
  execo::kill_scope kill_scope() const noexcept;

  /// The variables of `environment`, each name once.
  std::vector<std::pair<std::string_view, std::string_view>> variables() const;
  /// Adds or replaces an environment variable; takes one out; takes all out.
  void set_variable(std::string_view name, std::string_view value);
  void remove_variable(std::string_view name);
  void clear_variables();
  /// Throws: std::invalid_argument for none.
  void add_handler(std::shared_ptr<handler> h);

  bool through_shell = false;
  std::string text;                                              // as given, when given as text
  std::vector<std::string> words;                                // as given, or added by args()
  std::string directory;                                         // empty: inherited
  std::vector<std::pair<std::string, std::string>> environment;  // added; the last of a name counts
  sink out, err;                                                 // see set_out(), set_err()
  source in;                                                     // see set_in()
  std::string input;        // of a text source: written to standard input, then end of file
  bool has_input = false;   // false: /dev/null
  duration run_timeout{0};  // 0: none
  duration first_output_timeout{0};  // 0: none
  duration idle_timeout{0};          // 0: none
  duration total_timeout{0};         // 0: none
  duration kill_timeout = std::chrono::seconds(5);
  duration drain_timeout = std::chrono::seconds(1);
  std::size_t output_cap = std::size_t{16} << 20;  // bytes of each stream
  std::vector<int> accepted_codes;                 // empty: 0
  std::vector<std::shared_ptr<handler>> handlers;  // called in this order

  spawn_attributes attributes;
  execo::stop_policy stop_steps;           // empty: TERM, KILL after kill_timeout
  std::optional<execo::kill_scope> scope;  // as set
  std::string given_name;                  // empty: the text
  bool requires_output = false;            // see require_complete_output()
  bool ignores_exit_code = false;
  bool ignores_timeout = false;
  bool ignores_error = false;
  bool hides_exit_code = false;
  bool hides_timeout = false;
  bool hides_error = false;

 private:
  struct as_text {};
  struct as_words {};
  command(as_text tag, std::string_view given);
  command(as_words tag, detail::word_list argv);
};

/// The setters. Each returns the object that it was called on, so calls chain on a temporary.
template <class Self>
class command_options : public detail::attribute_options<Self> {
 public:
  /// Adds words, each passed as it is: `args("-l", "/")`, `args({"-l", "/"})`, or a range of them.
  template <detail::text_like... Word>
  Self&& args(const Word&... word) && {
    return std::move(*this).args(detail::word_list(word...));
  }
  template <detail::text_like... Word>
  Self& args(const Word&... word) & {
    return args(detail::word_list(word...));
  }

  EXECO_SETTER(args(detail::word_list words), options().add_words(std::move(words)))
  /// Hands the text to `/bin/sh -c`.
  EXECO_SETTER(shell(), options().through_shell = true)
  /// Working directory.
  EXECO_SETTER(cwd(detail::text_view dir), options().directory = std::string_view(dir))
  /// Adds or replaces one environment variable.
  EXECO_SETTER(env(detail::text_view name, detail::text_view value),
               options().set_variable(name, value))
  /// Text for standard input, followed by end of file. Without it standard input is /dev/null.
  EXECO_SETTER(input(detail::text_view bytes),
               options().set_in(text(std::string(std::string_view(bytes)))))
  /// Where standard output goes. Default: capture().
  /// Throws: std::invalid_argument for merged().
  EXECO_SETTER(out(sink where), options().set_out(std::move(where)))
  /// Where standard error goes; merged(): where standard output does. Default: capture().
  EXECO_SETTER(err(sink where), options().set_err(std::move(where)))
  /// Where standard input comes from. Default: null(), which is /dev/null.
  EXECO_SETTER(in(source from), options().set_in(std::move(from)))
  /// Ends the command when it has run for `limit`: TERM, then KILL. 0: no limit.
  EXECO_SETTER(timeout(duration limit), options().run_timeout = limit)
  /// Ends the command, as timeout() does, when it has written nothing on standard output and
  /// standard error for `limit` since it started; the phase is `first_output`. 0: no limit. What
  /// goes to a file or descriptor passes through this program then.
  EXECO_SETTER(first_output_timeout(duration limit), options().first_output_timeout = limit)
  /// The same when it has written nothing for `limit` since its last output, or since it started;
  /// the phase is `idle`. Time in which its output is not read here, by a slow reader or sink, does
  /// not count.
  EXECO_SETTER(idle_timeout(duration limit), options().idle_timeout = limit)
  /// Ends the run of the command when it has taken `limit` in all, with the way to its host; the
  /// phase is `total`. What waits for its turn in an action has not begun. 0: no limit.
  EXECO_SETTER(total_timeout(duration limit), options().total_timeout = limit)
  /// How long TERM or INT may take before KILL follows. Default 5 s.
  EXECO_SETTER(kill_timeout(duration limit), options().kill_timeout = limit)
  /// How long the output may stay silent after the end of the command, when a leftover process
  /// holds it open; output that continues is read for ten times as long. Over ssh the server is
  /// then asked whether some of it is still in flight. Default 1 s.
  EXECO_SETTER(drain_timeout(duration limit), options().drain_timeout = limit)
  /// Bytes kept of each stream by a capture() without a cap; the rest is dropped and counted. What
  /// all commands of a context keep is bounded by its output_budget.
  EXECO_SETTER(max_output(std::size_t bytes), options().output_cap = bytes)
  /// Incomplete output is a failure: a command that ended by itself, but whose output_complete()
  /// is false, is `output_failed`. status() is kept.
  EXECO_SETTER(require_complete_output(bool on = true), options().requires_output = on)
  /// Calls `h` at the start, for each line and at the end, after the handlers given before.
  EXECO_SETTER(handle_with(std::shared_ptr<handler> h), options().add_handler(std::move(h)))
  /// Handlers of one function each. As with handle_with(), what they throw comes out of the wait.
  EXECO_SETTER(on_start(std::function<void(const started_command&)> call),
               options().add_handler(on_start_call(std::move(call))))
  EXECO_SETTER(on_line(std::function<void(const output_line&)> call),
               options().add_handler(on_line_call(std::move(call))))
  EXECO_SETTER(on_end(std::function<void(const ended_command&)> call),
               options().add_handler(on_end_call(std::move(call))))

 private:
  friend class detail::attribute_options<Self>;
  Self& self() noexcept { return static_cast<Self&>(*this); }
  command& options() { return self().mutable_command(); }
};

}  // namespace execo
