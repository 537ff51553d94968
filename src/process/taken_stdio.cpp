#include "process/taken_stdio.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <type_traits>
#include <unordered_map>

namespace execo::detail {

/// Makes copies that name what is ours.
class stdio_taker {
 public:
  explicit stdio_taker(surroundings::caller then) noexcept : then_(then) {}

  void add(const std::vector<passed_descriptor>& list);
  /// Null stays null.
  template <class Spec>
  std::shared_ptr<const Spec> copy(const std::shared_ptr<const Spec>& from, int inherited);
  /// Takes all that the copies name, or keeps why that cannot be. Null: they name no descriptor.
  std::shared_ptr<const taken_stdio::holding> take();

 private:
  struct named {
    int* number;
    std::string name;
    std::shared_ptr<handed_fd> handed;  // null: it stays the caller's
  };

  template <class Spec>
  std::shared_ptr<const Spec> copy_one(const Spec& from, int inherited);
  taken_stdio::holding& held();
  void take_paths();
  void begin_here(file_path& path);
  bool all_open();
  bool lend(const named& one);
  bool fail(const char* step, const named& one);

  std::shared_ptr<taken_stdio::holding> held_;
  std::vector<named> named_;
  std::vector<file_path*> paths_;
  surroundings::caller then_;
};

namespace {

// False where neither can be asked: Linux before 6.10 in a container.
bool is_same_open_file(int one, int other) noexcept {
  constexpr int dupfd_query = 1024 + 3;  // F_DUPFD_QUERY
  int same = ::fcntl(one, dupfd_query, other);
  if (same >= 0) return same == 1;
  pid_t self = ::getpid();
  return ::syscall(SYS_kcmp, self, self, KCMP_FILE, one, other) == 0;
}

/// Many commands at once may be lent the same one, as by inherit(): they share one of ours. Null,
/// with errno set, if there is no number left.
std::shared_ptr<const unique_fd> another_of(int number) {
  static thread_local std::unordered_map<int, std::weak_ptr<const unique_fd>> last;
  std::weak_ptr<const unique_fd>& known = last[number];
  if (auto ours = known.lock(); ours && is_same_open_file(ours->get(), number)) return ours;
  unique_fd made(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  if (!made) return nullptr;
  auto ours = std::make_shared<const unique_fd>(std::move(made));
  known = ours;
  return ours;
}

bool is_relative(const file_path& path) { return path.text[0] != '/'; }

}  // namespace

void stdio_taker::add(const std::vector<passed_descriptor>& list) {
  if (list.empty()) return;
  std::vector<taken_stdio::passed>& extra = held().extra_descriptors;
  extra.reserve(list.size());
  for (const passed_descriptor& one : list) {
    std::string name = std::to_string(one.ours) + " to " + std::to_string(one.theirs);
    extra.push_back({one.ours, one.theirs, name});
    named_.push_back({&extra.back().ours, std::move(name), nullptr});
  }
}

template <class Spec>
std::shared_ptr<const Spec> stdio_taker::copy(const std::shared_ptr<const Spec>& from,
                                              int inherited) {
  using kind = typename Spec::kind;
  if (!from) return from;
  if constexpr (std::is_same_v<Spec, sink_spec>) {
    if (from->what == kind::tee) {
      auto made = std::make_shared<sink_spec>(*from);
      for (auto& part : made->parts) part = copy(part, inherited);
      return made;
    }
  }
  bool lent = from->what == kind::inherit || from->what == kind::fd;
  return lent || !from->path.text.empty() ? copy_one(*from, inherited) : from;
}

template <class Spec>
std::shared_ptr<const Spec> stdio_taker::copy_one(const Spec& from, int inherited) {
  using kind = typename Spec::kind;
  auto made = std::make_shared<Spec>(from);
  if (!made->path.text.empty()) {
    paths_.push_back(&made->path);
    return made;
  }
  if (made->what == kind::inherit) made->fd.number = made->fd.given = inherited;
  made->what = kind::fd;
  named_.push_back({&made->fd.number, std::to_string(made->fd.given), made->fd.handed});
  return made;
}

taken_stdio::holding& stdio_taker::held() {
  if (!held_) held_ = std::make_shared<taken_stdio::holding>();
  return *held_;
}

std::shared_ptr<const taken_stdio::holding> stdio_taker::take() {
  // Before any is taken or opened: the number of one that is closed would be given to that.
  if (!all_open()) return held_;
  for (const named& one : named_)
    if (!lend(one)) return held_;
  take_paths();
  return held_;
}

bool stdio_taker::all_open() {
  for (const named& one : named_)
    if (::fcntl(*one.number, F_GETFD) < 0) return fail("descriptor", one);
  return true;
}

bool stdio_taker::lend(const named& one) {
  auto ours =
      one.handed ? std::make_shared<const unique_fd>(one.handed->take()) : another_of(*one.number);
  if (!ours) return fail("dup descriptor", one);
  *one.number = ours->get();
  held().descriptors.push_back(std::move(ours));
  return true;
}

bool stdio_taker::fail(const char* step, const named& one) {
  std::error_code why(errno, std::system_category());
  held().problem = why;
  held().context = std::string(step) + " " + one.name;
  return false;
}

void stdio_taker::take_paths() {
  if (paths_.empty()) return;
  std::optional<mode_t> mask = surroundings::umask_now(then_);
  for (file_path* path : paths_) {
    path->mask = mask;
    if (is_relative(*path)) begin_here(*path);
  }
}

void stdio_taker::begin_here(file_path& path) {
  path.from = directory_copy::now();
  if (path.from->descriptor() >= 0) return;
  if (!path.from->path().empty()) path.text.insert(0, path.from->path() + "/");
  path.from.reset();
}

taken_stdio taken_stdio::now(const command& what, surroundings::caller then) {
  stdio_taker taker(then);
  taken_stdio taken;
  taker.add(what.attributes.descriptors);
  taken.in_ = stdio_access::make(taker.copy(stdio_access::shared(what.in), 0));
  taken.out_ = stdio_access::make(taker.copy(stdio_access::shared(what.out), 1));
  taken.err_ = stdio_access::make(taker.copy(stdio_access::shared(what.err), 2));
  taken.held_ = taker.take();
  return taken;
}

namespace {

template <class Spec>
std::shared_ptr<const Spec> with_changed_paths(const std::shared_ptr<const Spec>& from,
                                               const taken_stdio::path_change& change) {
  if (!from) return from;
  bool has_parts = false;
  if constexpr (std::is_same_v<Spec, sink_spec>) has_parts = !from->parts.empty();
  // A handler stays the one that all share.
  if (from->path.text.empty() && !has_parts) return from;
  auto made = std::make_shared<Spec>(*from);
  if (!made->path.text.empty()) change(made->path.text);
  if constexpr (std::is_same_v<Spec, sink_spec>)
    for (auto& part : made->parts) part = with_changed_paths(part, change);
  return made;
}

}  // namespace

taken_stdio taken_stdio::with_paths(const path_change& change) const {
  taken_stdio made = *this;
  made.in_ = stdio_access::make(with_changed_paths(stdio_access::shared(in_), change));
  made.out_ = stdio_access::make(with_changed_paths(stdio_access::shared(out_), change));
  made.err_ = stdio_access::make(with_changed_paths(stdio_access::shared(err_), change));
  return made;
}

const std::vector<taken_stdio::passed>& taken_stdio::extra_descriptors() const noexcept {
  static const std::vector<passed> none;
  return held_ ? held_->extra_descriptors : none;
}

std::error_code taken_stdio::problem(std::string& context) const {
  if (!held_ || !held_->problem) return {};
  context = held_->context;
  return held_->problem;
}

}  // namespace execo::detail
