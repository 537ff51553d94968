#include "action/leaf_transport.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "execo/printable.hpp"
#include "ssh/replacing_transport.hpp"

namespace execo::detail {
namespace {

// in_tree -> waiting, for its turn -> direct: the way without a tree is about to be opened, or is.
enum class leaf_stage : std::uint8_t { in_tree, waiting, direct };

class leaf_transport final : public replacing_transport, private leaf_turn {
 public:
  leaf_transport(loop& on, std::shared_ptr<leaf_service> service, const host& where,
                 const tree_place& place, std::unique_ptr<transport> in_tree)
      : replacing_transport(on, std::move(in_tree)),
        service_(std::move(service)),
        where_(where),
        place_(place),
        step_(delegate<>::to<&leaf_transport::go_directly>(this)) {}

 private:
  bool is_followed(const failed_try& lost, const end_report& found) override {
    bool is_leaf = stage_ == leaf_stage::in_tree && found.started == certainty::no &&
                   lost.why.how == end_reason::unsupported && service_->is_leaf(where_);
    if (!is_leaf) return false;
    why_ = reason_in(lost.why.context);
    stage_ = leaf_stage::waiting;
    if (service_->turns.take(*this)) turn_came();
    if (stage_ == leaf_stage::waiting) owner().on_waiting();
    return true;
  }

  void turn_came() noexcept override {
    stage_ = leaf_stage::direct;
    home().defer(step_);
  }
  void go_directly() { begin_next(); }
  std::unique_ptr<transport> next() override { return service_->way_to(where_, place_); }

  bool stop_waiting() override {
    if (stage_ != leaf_stage::waiting) return false;
    service_->turns.withdraw(*this);
    stage_ = leaf_stage::in_tree;
    return true;
  }

  end_report complete(end_report found) override {
    if (stage_ != leaf_stage::direct) return found;
    service_->turns.leave();
    found.transport_why = why_;
    if (found.note.empty()) found.note = why_;
    return found;
  }

  // Of words that name the host, too.
  std::string reason_in(std::string_view words) const {
    std::string name = printable(where_.name()) + ": ";
    if (words.starts_with(name)) words.remove_prefix(name.size());
    constexpr std::string_view known = "no agent was started: ";
    if (words.starts_with(known)) words.remove_prefix(known.size());
    return "without an agent: " + std::string(words);
  }

  const std::shared_ptr<leaf_service> service_;
  const host where_;
  const tree_place place_;
  queue_node step_;
  std::string why_;
  leaf_stage stage_ = leaf_stage::in_tree;
};

}  // namespace

std::unique_ptr<transport> make_leaf_transport(loop& on, std::shared_ptr<leaf_service> service,
                                               const host& where, const tree_place& place,
                                               std::unique_ptr<transport> in_tree) {
  return std::make_unique<leaf_transport>(on, std::move(service), where, place, std::move(in_tree));
}

}  // namespace execo::detail
