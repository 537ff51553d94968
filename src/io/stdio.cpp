#include "execo/stdio.hpp"

#include <errno.h>
#include <fcntl.h>

#include <stdexcept>
#include <system_error>

#include "execo/broadcast.hpp"
#include "execo/partial_file.hpp"
#include "io/shared_input.hpp"
#include "io/stdio_spec.hpp"

namespace execo {
namespace {

using detail::sink_spec;
using detail::source_spec;
using detail::stdio_access;

void check(const std::string& path) {
  if (path.empty()) throw std::invalid_argument("the path of a file is empty");
  if (path.find('\0') != path.npos) throw std::invalid_argument("a NUL byte in a path");
}

int checked(int fd) {
  if (fd < 0) throw std::invalid_argument("a negative number is not a descriptor");
  return fd;
}

sink at_path(sink_spec::kind what, std::string path) {
  check(path);
  auto spec = std::make_shared<sink_spec>(what);
  spec->path.text = std::move(path);
  return stdio_access::make(std::move(spec));
}

sink calling(sink_spec::kind what, std::function<void(std::string_view)> handler) {
  if (!handler) throw std::invalid_argument("an empty function as a sink");
  auto spec = std::make_shared<sink_spec>(what);
  spec->handler = std::move(handler);
  return stdio_access::make(std::move(spec));
}

template <class Spec>
std::shared_ptr<const Spec> handing_over(detail::unique_fd fd) {
  auto spec = std::make_shared<Spec>(Spec::kind::fd);
  spec->fd.number = spec->fd.given = fd.get();
  spec->fd.handed = std::make_shared<detail::handed_fd>(std::move(fd));
  return spec;
}

}  // namespace

overflow overflow::spill(std::string path) {
  check(path);
  return stdio_access::make_spill(std::move(path));
}

sink::sink(inherit) : spec_(std::make_shared<sink_spec>(sink_spec::kind::inherit)) {}
sink::sink(null) : spec_(std::make_shared<sink_spec>(sink_spec::kind::null)) {}
sink::sink(pipe) : spec_(std::make_shared<sink_spec>(sink_spec::kind::pipe)) {}
sink::sink(merged) : spec_(std::make_shared<sink_spec>(sink_spec::kind::merged)) {}

sink capture() { return sink(); }

sink capture(std::size_t cap, overflow beyond) {
  auto spec = std::make_shared<sink_spec>(sink_spec::kind::capture);
  spec->cap = cap;
  spec->beyond = stdio_access::kind_of(beyond);
  spec->path.text = stdio_access::path_of(beyond);
  return stdio_access::make(std::move(spec));
}

sink to_file(std::string path) { return at_path(sink_spec::kind::file, std::move(path)); }
sink to_file(std::string path, partial_file when_incomplete) {
  bool keeps = when_incomplete == partial_file::kept;
  return at_path(keeps ? sink_spec::kind::kept_file : sink_spec::kind::file, std::move(path));
}

sink append(std::string path) { return at_path(sink_spec::kind::append, std::move(path)); }

sink to_fd(int fd) {
  auto spec = std::make_shared<sink_spec>(sink_spec::kind::fd);
  spec->fd.number = spec->fd.given = checked(fd);
  return stdio_access::make(std::move(spec));
}

namespace detail {

sink stdio_access::hand_over_sink(unique_fd fd) {
  return make(handing_over<sink_spec>(std::move(fd)));
}

source stdio_access::hand_over_source(unique_fd fd) {
  return make(handing_over<source_spec>(std::move(fd)));
}

}  // namespace detail

sink callback(std::function<void(std::string_view)> handler) {
  return calling(sink_spec::kind::callback, std::move(handler));
}

sink lines(std::function<void(std::string_view)> handler) {
  return calling(sink_spec::kind::lines, std::move(handler));
}

sink detail::make_tee(std::vector<sink> parts) {
  auto spec = std::make_shared<sink_spec>(sink_spec::kind::tee);
  for (const sink& part : parts) {
    std::shared_ptr<const sink_spec> p = stdio_access::shared(part);
    if (!p) p = std::make_shared<sink_spec>(sink_spec::kind::capture);
    if (p->what == sink_spec::kind::tee) {
      spec->parts.insert(spec->parts.end(), p->parts.begin(), p->parts.end());
    } else {
      spec->parts.push_back(std::move(p));
    }
  }
  int kept = 0;
  for (const auto& part : spec->parts) {
    if (part->what == sink_spec::kind::merged)
      throw std::invalid_argument("merged() cannot be part of a tee()");
    bool keeps = part->what == sink_spec::kind::capture || part->what == sink_spec::kind::pipe;
    if (keeps && ++kept > 1) throw std::invalid_argument("a tee has one capture or pipe at most");
  }
  return stdio_access::make(std::move(spec));
}

source::source(inherit) : spec_(std::make_shared<source_spec>(source_spec::kind::inherit)) {}
source::source(null) {}
source::source(pipe) : spec_(std::make_shared<source_spec>(source_spec::kind::pipe)) {}

source text(std::string bytes) {
  auto spec = std::make_shared<source_spec>(source_spec::kind::text);
  spec->bytes = std::move(bytes);
  return stdio_access::make(std::move(spec));
}

source from_file(std::string path) {
  check(path);
  auto spec = std::make_shared<source_spec>(source_spec::kind::file);
  spec->path.text = std::move(path);
  return stdio_access::make(std::move(spec));
}

source from_fd(int fd) {
  auto spec = std::make_shared<source_spec>(source_spec::kind::fd);
  spec->fd.number = spec->fd.given = checked(fd);
  return stdio_access::make(std::move(spec));
}

source broadcast(int fd) {
  detail::unique_fd ours(::fcntl(checked(fd), F_DUPFD_CLOEXEC, 3));
  if (!ours)
    throw std::system_error(errno, std::system_category(),
                            "duplicate descriptor " + std::to_string(fd));
  auto spec = std::make_shared<source_spec>(source_spec::kind::shared);
  spec->input = std::make_shared<detail::shared_input>(std::move(ours), fd);
  return stdio_access::make(std::move(spec));
}

}  // namespace execo
