// What the agent does before it speaks: it leaves no trace of itself on the host.
#pragma once

#include <optional>
#include <string>

#include "wire/codec.hpp"

namespace execo::agent {

/// The environment variable with the nonce, by which the parent recognizes the agent that it
/// started.
inline constexpr const char* nonce_variable = "EXECO_NONCE";

/// FOLDER, or an empty FOLDER, or no argument; and the nonce.
class agent_arguments {
 public:
  detail::bytes16 nonce{};
  std::string folder;
};

/// Nothing if the arguments are malformed. Unsets nonce_variable, so that commands do not inherit
/// it.
std::optional<agent_arguments> take_arguments(int count, char** words);

/// Unlinks what is in the folder, and the folder: one that stage 1 made, known by its name.
void remove_folder(const std::string& folder);

/// Waits for as many milliseconds as EXECO_LOCAL_DELAY says, if it is there: hosts that are all
/// this machine are to be far away.
void wait_local_delay() noexcept;

/// The machine does not give what an agent needs: says what on the standard error and ends.
[[noreturn]] void give_up(const char* what) noexcept;

/// Closes all above the standard streams, and hides what ps and core files would show.
void hide(int count, char** words);

}  // namespace execo::agent
