/// put and get: files to and from many hosts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "execo/action.hpp"
#include "execo/connection.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"
#include "execo/detail/setter.hpp"
#include "execo/detail/text_of.hpp"
#include "execo/detail/words.hpp"
#include "execo/time.hpp"
#include "execo/tree.hpp"
#include "execo/tree_network.hpp"

namespace execo {

/// Which file need not be copied: one that is there with the same size and ...
enum class unchanged : std::uint8_t {
  by_time,    ///< ... the same time of the last change, to the second; preserve() sets that
  by_digest,  ///< ... the same SHA-256
};

/// How far a copy is, all its hosts together.
class copy_progress {
 public:
  copy_progress() = default;
  std::size_t hosts = 0;
  std::size_t hosts_done = 0;
  /// Of the hosts that have begun; of a get(), what has come is all that is known.
  std::uint64_t bytes = 0;
  std::uint64_t bytes_moved = 0;
  /// They were there already: of a file that has not changed, of a copy that is resumed.
  std::uint64_t bytes_skipped = 0;
  /// Complete, under their names.
  std::uint64_t files = 0;
  duration elapsed{0};
};

namespace detail {

// Throw: std::logic_error if the action was started, std::invalid_argument for a bad value.
void set_copy_ssh(action& a, ssh_options options);
void set_copy_via(action& a, const tree& shape);
void set_copy_net(action& a, const tree_net_ref& net);
void set_sftp(action& a);
void set_preserve(action& a);
void set_copy_rate(action& a, std::uint64_t in_all, std::uint64_t each);
void set_copy_timeout(action& a, duration limit);
void set_copy_idle_timeout(action& a, duration limit);
void set_copy_total_timeout(action& a, duration limit);
void set_copy_kill_timeout(action& a, duration limit);
void set_resume(action& a);
void set_skip(action& a, unchanged rule);
void set_sync(action& a);
copy_progress progress_of(const action& a);

/// The setters that put and get share.
template <class Self>
class copy_options : public fanout_options<Self> {
 public:
  /// Identity, host keys and deadlines, or a connector.
  EXECO_SETTER(ssh(ssh_options options), set_copy_ssh(self(), std::move(options)))
  /// By way of each other, as remote::via(); then all hosts at a time, unless fanout() was called.
  /// Not with sftp(): the start throws std::invalid_argument.
  EXECO_SETTER(via(const tree& shape), set_copy_via(self(), shape))
  /// By way of a tree that stays, as remote::via(). One that has not begun, and may have any shape,
  /// begins with the one that suits a put() of these files to these hosts.
  EXECO_SETTER(via(const tree_network& net), set_copy_net(self(), state_of(net)))
  /// Over SFTP, the subsystem of an ssh server, in place of a script that a shell of the host runs.
  /// Where a host is seen to run no script, it is tried by itself. No digest can be had: sizes are
  /// compared. Not with a connector, nor as another user.
  EXECO_SETTER(sftp(), set_sftp(self()))
  /// Modes as they are, whatever the file mode mask says, and times of the last change; with put()
  /// owners as well, where the remote user is root.
  EXECO_SETTER(preserve(), set_preserve(self()))
  /// Bytes a second of all hosts together, and of each. 0: no limit.
  EXECO_SETTER(max_rate(std::uint64_t in_all, std::uint64_t each = 0),
               set_copy_rate(self(), in_all, each))
  /// Ends the copy of a host that takes longer, once it has begun. 0: no limit.
  EXECO_SETTER(timeout(duration limit), set_copy_timeout(self(), limit))
  /// Ends the copy of a host when no byte has moved for `limit`; the phase is `idle`. 0: no limit.
  EXECO_SETTER(idle_timeout(duration limit), set_copy_idle_timeout(self(), limit))
  /// As timeout(), with the way to the host. 0: no limit.
  EXECO_SETTER(total_timeout(duration limit), set_copy_total_timeout(self(), limit))
  /// How long TERM may take before KILL follows, when a copy is ended. Default 5 s.
  EXECO_SETTER(kill_timeout(duration limit), set_copy_kill_timeout(self(), limit))
  /// Keeps what has come when the connection is lost, and goes on from there when the same is
  /// copied to the same place again. With put(), of a directory or several files, those that came
  /// whole are not sent again.
  EXECO_SETTER(resume(), set_resume(self()))
  /// Does not send what is there already.
  EXECO_SETTER(skip_unchanged(unchanged rule), set_skip(self(), rule))
  /// Has everything on the disk of the receiving side before it gets its name: a crash of that
  /// machine leaves the old file or the new one.
  EXECO_SETTER(sync(), set_sync(self()))
  /// Thread: the one that drives the action's loop.
  copy_progress progress() const { return progress_of(static_cast<const Self&>(*this)); }

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

void set_make_directories(action& a);
void set_max_size(action& a, std::uint64_t in_all, std::uint64_t each);

}  // namespace detail

/// Copies files and directories to many hosts, at most `fanout` of them at a time.
///
/// A source is a path here, or a pattern with *, ? or []. A link that is given is followed, one
/// inside a directory is copied as a link; FIFOs, sockets and devices are left out. `destination`
/// is a path there; a relative one, and one that begins with "~/", begins at the home directory. If
/// it ends with '/', or is a directory, the sources go into it under their names; otherwise it is
/// the new name of the only source. In both, references such as `{{{host}}}` are replaced as in
/// `remote`.
///
/// Everything is written into a directory `.execo-...` beside the destination, checked (SHA-256),
/// and renamed: a file has its name only when it is complete, and replaces what had that name. A
/// directory that is there stays; what is copied is added to it. The mode of a file is that of the
/// source without what the remote file mode mask takes.
///
/// A host whose copy fails is `transfer_failed`: error() is the error number (ENOSPC, EACCES,
/// EISDIR, ...), error_context() the path; reason() says when a source was changed meanwhile, or
/// when what was written is not what was sent. Every copy needs sh and mktemp on the host; a
/// directory or several files need xargs, and tar, or dd and head. Any transport will do: libssh,
/// the program ssh, a connector.
class [[nodiscard]] put : public action, public detail::copy_options<put> {
 public:
  put(const put&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  put(put&&) noexcept = default;
  put& operator=(put&&) noexcept = default;

  /// `sources` is one path, or a list of them. A source that is not there is an error of the start:
  /// std::invalid_argument; one whose path has references is an error of the host.
  /// Throws: std::invalid_argument for no source, an empty path, a NUL byte.
  put(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination);

  /// Makes the directory of the destination, and those above it, where they are not there.
  put& make_directories() & {
    detail::set_make_directories(*this);
    return *this;
  }
  put&& make_directories() && { return std::move(make_directories()); }
};

/// Copies files and directories from many hosts, at most `fanout` of them at a time.
///
/// A source is a path there, or a pattern with *, ? or []; a relative one, and one that begins with
/// "~/", begins at the home directory. `destination` is a path here. What a host has goes into the
/// directory `destination/HOST/`; with references such as `{{{host}}}` or `{{{index}}}` in it, the
/// destination is used as it is: a directory if it ends with '/' or is one, otherwise the new name
/// of the only file. Directories are made where they are not there. Two hosts never have one place.
///
/// Everything is written into a directory `.execo-...` beside the destination and renamed when it
/// has come whole. A directory that is there stays; what is copied is added to it. The mode of a
/// file is that of the source without what the file mode mask takes, and without set-user-ID bits.
/// Names are not trusted: none leads out of the destination, and no link that came from a host is
/// followed. A host whose copy fails is `transfer_failed`, as with put(). The host needs sh, cat
/// and od. A directory, or several files, come as an archive where it has tar, unless the copy
/// resumes or leaves out what is unchanged: then, or without tar, they come one by one.
class [[nodiscard]] get : public action, public detail::copy_options<get> {
 public:
  get(const get&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  get(get&&) noexcept = default;
  get& operator=(get&&) noexcept = default;

  /// `sources` is one path, or a list of them.
  /// Throws: std::invalid_argument for no source, an empty path, a NUL byte.
  get(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination);

  /// The most bytes that may come of all hosts together, and of each. 0: no limit. A file, a
  /// directory or a link counts 512 bytes more. A host with more than that is `transfer_failed`
  /// (EFBIG); nothing of it stays here, and what it has taken is there for others.
  get& max_size(std::uint64_t in_all, std::uint64_t each = 0) & {
    detail::set_max_size(*this, in_all, each);
    return *this;
  }
  get&& max_size(std::uint64_t in_all, std::uint64_t each = 0) && {
    return std::move(max_size(in_all, each));
  }
};

}  // namespace execo
