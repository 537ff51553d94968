#include "action/fathered_transport.hpp"

#include <utility>

#include "base/shell_words.hpp"
#include "execo/printable.hpp"
#include "ssh/forwarding_transport.hpp"
#include "tree/tree_place.hpp"

namespace execo::detail {
namespace {

class fathered_transport final : public refusing_transport {
 public:
  fathered_transport(loop& on, std::unique_ptr<transport> way, std::string_view mark,
                     std::string father)
      : refusing_transport(on, std::move(way)), mark_(mark), father_(std::move(father)) {}

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    if (!is_inert(father_) || father_.starts_with('-'))
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::invalid_argument),
                               printable(father_) + ": its name means something to a shell"));
    own_ = what;
    put_father(own_.text, mark_, father_);
    put_father(own_.directory, mark_, father_);
    for (std::string& word : own_.words) put_father(word, mark_, father_);
    for (auto& [name, value] : own_.environment) put_father(value, mark_, father_);
    open_inner(own_);
  }

 private:
  const std::string_view mark_;
  const std::string father_;
  command own_{""};  // outlives the way
};

}  // namespace

std::unique_ptr<transport> make_fathered_transport(loop& on, std::unique_ptr<transport> way,
                                                   std::string_view mark, std::string father) {
  return std::make_unique<fathered_transport>(on, std::move(way), mark, std::move(father));
}

}  // namespace execo::detail
