// Stage 1 of an agent's start: the fixed script that runs on a host, and what reads its answers.
// The bytes on both streams: docs/tree-bootstrap.md.
//
//   starter                                     stage 1 on the host
//     stage1_command(), as the command,
//     stage1_opening(...)                    ->
//                                            <- (noise) "execo1 NONCE ready OS MACHINE PLACE
//                                            TOOL...\n"
//     stage1_header(...), the image          ->
//                                            <- "execo1 NONCE start\n", then the agent: frames
//   or, at any point                         <- "execo1 NONCE leaf REASON TEXT\n"
//
// The starter sends nothing after the image before the agent has said hello: a tool of the host may
// read a little more than it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/machine.hpp"

namespace execo::detail {

/// The command that starts stage 1, the same text for every host and in every login shell. It ends
/// as
///   execo-agent FOLDER
/// where FOLDER is what the agent removes first, with all in it, or empty: then nothing is left on
/// the host already. The agent gets the nonce in its environment, as EXECO_NONCE: any user of the
/// host can read the arguments of a process. The umask is the one of the login. Descriptor 4 is
/// the image, if it was unlinked: the agent closes all above 2.
const std::string& stage1_command();

/// The first line of the input of stage 1: the nonce, which marks its answers, and a name for its
/// folder where the host has no mktemp.
/// Pre: both are random, in lower case hexadecimal digits.
std::string stage1_opening(std::string_view nonce, std::string_view folder);

/// How the bytes of an image are sent.
enum class image_form : std::uint8_t { plain, gzip };

/// What an image is, uncompressed.
class image_identity {
 public:
  image_identity(std::size_t size, std::string_view sha256) : size(size), sha256(sha256) {}

  std::size_t size;
  std::string sha256;  // 64 digits
};

/// The line before the image, of which `sent` bytes follow.
std::string stage1_header(image_form form, std::size_t sent, const image_identity& image);

/// Where the image will be: a file that is unlinked before it has a byte; one that the agent
/// removes, since the host has no /proc; memory, since no directory may be executed from.
enum class image_place : std::uint8_t { unlinked, folder, memory };

/// What a host says of itself.
class stage1_answer {
 public:
  machine arch = machine::other;
  image_place place = image_place::unlinked;
  bool has_gzip = false, has_sha256sum = false, has_perl = false, has_python3 = false;

  /// How to send it an image.
  image_form form() const noexcept { return has_gzip ? image_form::gzip : image_form::plain; }
};

/// Why no agent runs on a host. The host can still be a leaf, which runs plain commands.
enum class stage1_fault : std::uint8_t {
  none,
  no_answer,     // the end came before a word of stage 1
  noise,         // 64 KiB came before a word of stage 1
  terminal,      // its standard input is a terminal, which changes bytes
  no_place,      // no directory may be executed from, and there is no perl or python3
  unknown_arch,  // there is no agent for it
  bad_image,     // what arrived is not the image, or could not be written
  ended,         // the end came before the agent started
  malformed,     // stage 1 does not speak so
};

/// In words, as in "no agent was started: ...".
std::string_view words_of(stage1_fault fault) noexcept;

/// searching -> answered    its "ready" line
/// answered  -> receiving   sending()
/// receiving -> started     its "start" line
/// searching, answered, receiving -> failed
enum class stage1_state : std::uint8_t { searching, answered, receiving, started, failed };

/// Reads what comes back of stage 1, in any cut of bytes. Pure; bounded memory.
class stage1_reader {
 public:
  static constexpr std::size_t max_noise = std::size_t{64} * 1024;
  static constexpr std::size_t max_line = 1024;

  explicit stage1_reader(std::string_view nonce);

  /// Reads up to the end of a line that changes the state, and takes `bytes` up to there: what
  /// follows "start" are frames. Takes nothing once started or failed.
  stage1_state feed(std::span<const char>& bytes);
  /// No byte comes any more.
  stage1_state end();
  /// The header and the image are sent from now on. Pre: answered.
  void sending() noexcept;

  stage1_state state() const noexcept { return state_; }
  /// Pre: answered, receiving or started.
  const stage1_answer& answer() const noexcept;
  /// none unless failed.
  stage1_fault fault() const noexcept { return fault_; }
  /// What the host said of it, raw: the text of its line, or the end of the noise. At most
  /// max_line bytes.
  const std::string& fault_text() const noexcept { return text_; }

 private:
  bool is_over() const noexcept {
    return state_ == stage1_state::started || state_ == stage1_state::failed;
  }
  std::optional<std::size_t> end_of_line();
  void check_noise(std::size_t without_mark);
  void read(std::string_view line);
  void read_answer(std::string_view rest);
  void read_leaf(std::string_view rest);
  void fail(stage1_fault fault, std::string_view text);

  std::string mark_;
  std::string seen_;          // since the last line of ours
  std::size_t searched_ = 0;  // of it, where no mark begins
  stage1_state state_ = stage1_state::searching;
  stage1_fault fault_ = stage1_fault::none;
  stage1_answer answer_;
  std::string text_;
};

}  // namespace execo::detail
