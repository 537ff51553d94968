// What a way cannot do, and why.
#include "conformance.hpp"

namespace execo::test {

namespace {

constexpr auto at_times = conformance_gap::shown::at_times;
constexpr auto slowly = conformance_gap::shown::slowly;

constexpr const char* no_name = "the ssh program logs that a signal ended a command, not which";
constexpr const char* no_size =
    "the ssh program takes the size from its own terminal, and has none";
constexpr const char* held =
    "the ssh program ends with the output, which the background process holds open";
constexpr const char* one_each = "the ssh program makes a connection for each command";
constexpr const char* none = "there is no connection";
constexpr const char* no_signals =
    "the server passes no signals on, and is none that the script is run on";
constexpr const char* no_answer =
    "tinyssh does not answer the message, so it counts as a server that has gone";
constexpr const char* ends_late = "the server says that a command has ended when its output has";
constexpr const char* input_lost =
    "tinyssh drops the connection when input comes for a command that has ended";
constexpr const char* no_ends = "paramiko has no message for the end by a signal";
constexpr const char* no_name_for_it =
    "ssh has no name for it, and the script is not run on such servers";
constexpr const char* csh_copies =
    "csh leaves copies of its descriptors open in all that it starts";
constexpr const char* csh_words = "csh takes words of 8 KB";
constexpr const char* tiny_terminal =
    "tinyssh ends a command on a terminal with 111 when its input ends, as under `ssh -tt "
    "</dev/null`";
constexpr const char* no_terminal =
    "the library leaves terminals to the program around it, and ours opens none";
constexpr const char* only_text = "asyncssh takes commands in UTF-8 alone";
constexpr const char* not_confirmed =
    "given up while the server has not confirmed the start for a second; it passes on no later "
    "signal";
constexpr const char* tiny_text = "tinyssh drops the connection at a command of that length";
constexpr const char* closes =
    "dropbear now and then closes the connection as the signal comes; why is not known";
constexpr const char* zsh_children =
    "a child of zsh that is about to become a program may run the trap as well";
constexpr const char* no_listener =
    "asyncssh disconnects at the question for the answer to a keepalive, which is a request to "
    "cancel "
    "a forwarding if that answer has come: TCP/IP listener not found";
constexpr const char* ends_with_action = "a tree ends with its action";
constexpr const char* ends_all = "an agent that ends leaves nothing behind that was started by it";
constexpr const char* short_text =
    "dropbear takes 9,000 bytes of command and closes the connection";

}  // namespace

std::span<const conformance_gap> conformance_gaps() {
  static constexpr conformance_gap gaps[] = {
      {"openssh*", "ended by *", no_name},
      {"*_openssh", "ended by *", no_name},
      {"openssh*", "a core dump is the end by its signal", no_name, slowly},
      {"*_openssh", "a core dump is the end by its signal", no_name, slowly},
      {"openssh*", "terminal: its size", no_size},
      {"*_openssh", "terminal: its size", no_size},
      {"openssh*", "output held by a background process", held},
      {"*_openssh", "output held by a background process", held},
      {"openssh*", "the second command uses the connection of the first", one_each},
      {"*_openssh", "the second command uses the connection of the first", one_each},
      {"connector_*", "the second command uses the connection of the first", none},
      {"tree*", "the second command uses the connection of the first", ends_with_action},
      {"tree*", "a background process without the output is left alone", ends_all, at_times},
      {"dropbear", "a signal without a name in ssh",
       "dropbear closes the channel without a status"},
      {"dropbear", "output held by a background process",
       "dropbear closes the channel with the end of the command: what is left cannot write any "
       "more"},
      {"csh_*", "a background process without the output is left alone", csh_copies},
      {"tinyssh", "kill() before*", no_signals, slowly},
      {"tinyssh", "kill() *", no_signals, slowly},
      {"tinyssh", "a stop before*", no_signals, slowly},
      {"tinyssh", "a stop ends *", no_signals, slowly},
      {"tinyssh", "a timeout *", no_signals, slowly},
      {"tinyssh", "a silent command outlives many keepalives", no_answer},
      {"tinyssh", "output held by a background process", ends_late},
      {"tinyssh", "many hosts *", "tinyssh now and then refuses the channel of a busy login",
       at_times},
      {"tinyssh", "an end before the input was read", input_lost, at_times},
      {"tinyssh", "a reader that *", input_lost, at_times},
      {"asyncssh", "output held by a background process", ends_late},
      {"asyncssh", "kill() with WINCH*", no_name_for_it},
      {"crypto_ssh", "output held by a background process", ends_late},
      {"crypto_ssh", "kill() with WINCH*", no_name_for_it},
      {"paramiko", "output held by a background process", ends_late},
      {"paramiko", "kill() before*", no_signals, slowly},
      {"paramiko", "kill() *", no_signals, slowly},
      {"paramiko", "a stop before*", no_signals, slowly},
      {"paramiko", "a stop ends *", no_signals, slowly},
      {"paramiko", "a timeout *", no_signals, slowly},
      {"paramiko", "ended by *", no_ends},
      {"paramiko", "a signal *", no_ends},
      {"paramiko", "a core dump*", no_ends},
      {"csh_*", "no descriptor but the three", csh_copies},
      {"zsh_*", "a variable that is taken out", "zsh sets HOME itself"},
      {"zsh_*", "kill() with *", zsh_children, at_times},
      {"csh_*", "a word of 100 KB", csh_words},
      {"tinyssh", "a word of 100 KB", tiny_text},
      {"tinyssh", "a value of 100 KB", tiny_text},
      {"tinyssh", "no descriptor but the three", "tinyssh leaves descriptors of its own open"},
      {"tinyssh", "the second command uses the connection of the first",
       "tinyssh runs one command on a connection"},
      {"crypto_ssh", "no descriptor but the three",
       "the program in Go leaves descriptors of its own open", at_times},
      {"tinyssh", "terminal: *", tiny_terminal, at_times},
      {"asyncssh", "terminal: *", no_terminal},
      {"paramiko", "terminal: *", no_terminal},
      {"crypto_ssh", "terminal: *", no_terminal},
      {"asyncssh", "a silent command outlives many keepalives", no_listener, at_times},
      {"asyncssh", "unicode, and bytes that are none", only_text},
      {"asyncssh", "10,000 fuzzed argument vectors", only_text},
      {"asyncssh", "odd values", only_text},
      {"asyncssh", "kill() in each phase", not_confirmed, at_times},
      {"asyncssh", "kill() before*", not_confirmed, at_times},
      {"asyncssh", "a stop before*", not_confirmed, at_times},
      {"crypto_ssh", "kill() in each phase", not_confirmed, at_times},
      {"crypto_ssh", "kill() before*", not_confirmed, at_times},
      {"crypto_ssh", "a stop before*", not_confirmed, at_times},
      {"dropbear", "kill() *", closes, at_times},
      {"dropbear", "a word of 100 KB", short_text},
      {"dropbear", "a thousand words", short_text},
      {"dropbear", "a value of 100 KB", short_text},
  };
  return gaps;
}

}  // namespace execo::test
