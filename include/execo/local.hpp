/// local: a command in several processes here, as an action.
#pragma once

#include <cstddef>
#include <utility>

#include "execo/action.hpp"
#include "execo/command.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"

namespace execo {

/// One command in several processes of this machine, at most `fanout` of them at a time.
///
/// It is the action that `remote` is, with local processes in place of hosts. Each has a name as a
/// host has: `local-1`, `local-2`, ..., or those given; its command finds it in EXECO_HOST.
/// References such as `{{{host}}}` are replaced as in `remote`. A command is as that of a process:
/// text is split into words, shell() hands it to sh. Environment, working directory and file mode
/// mask are those of the moment when the start is asked for. Up to 1 MiB of each stream of each
/// process is kept; max_output() changes that.
class [[nodiscard]] local : public action,
                            public command_options<local>,
                            public detail::fanout_options<local> {
 public:
  local(const local&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  local(local&&) noexcept = default;
  local& operator=(local&&) noexcept = default;

  template <detail::text_like Text>
  explicit local(const Text& text, std::size_t count = 1) : local(command(text), count) {}
  explicit local(command what, std::size_t count = 1);
  /// With names of your own, given as the hosts of `remote`: a set, or a list.
  template <detail::text_like Text>
  local(const Text& text, detail::host_arguments names) : local(command(text), std::move(names)) {}
  local(command what, detail::host_arguments names);

 private:
  friend class command_options<local>;
  command& mutable_command();
};

}  // namespace execo
