#include "execo/ssh_process.hpp"

#include <stdexcept>
#include <utility>

#include "action/host_way.hpp"

namespace execo::detail {
namespace {

class ssh_way final : public host_way {
 public:
  explicit ssh_way(host where) : host_way(std::move(where)) { take(ssh_options()); }

  void verify(const command& what) const override {
    if (what.shell_text().empty()) throw std::invalid_argument("the command is empty");
    factory().prepare(what);
  }

 private:
  std::shared_ptr<command_factory> make_factory(ssh_options options) const override {
    return make_remote_factory(std::move(options));
  }
};

}  // namespace

process_ref make_ssh_process(command what, host where) {
  return process_ref(
      new process_state(std::move(what), std::make_unique<ssh_way>(std::move(where))));
}

void set_ssh(process_state& of, ssh_options options) {
  static_cast<ssh_way&>(*of.way).take_own(std::move(options));
}

}  // namespace execo::detail

namespace execo {

process make_process(command what) { return process(std::move(what)); }

process make_process(command what, const host& where, std::optional<ssh_options> how) {
  ssh_process made(std::move(what), where);
  if (how) made.ssh(std::move(*how));
  return process(std::move(made));
}

process make_process(command what, const std::optional<host>& where,
                     std::optional<ssh_options> how) {
  if (!where) return make_process(std::move(what));
  return make_process(std::move(what), *where, std::move(how));
}

}  // namespace execo
