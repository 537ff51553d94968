#include "tree/sign_desk.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "wire/ssh_agent_request.hpp"

namespace execo::detail {
namespace {

bool relays(const tree_way& way) {
  std::optional<connector_message> connector = way.connector();
  return connector && connector->relays;
}

}  // namespace

sign_desk::sign_desk(ref_counted& owner, tree_hosts& hosts, tree_links& links, tree_way& way)
    : owner_(owner), hosts_(hosts), links_(links), way_(way), serves_(relays(way)) {}

// It is told no, and the reason is on record.
bool sign_desk::take(tree_child& child, std::uint32_t link, const frame& f) {
  auto ask = sign_ask_message::decode(f);
  if (!ask) return false;
  sign_target target;
  if (serves_ && !way_.certifies() && child.served().contains(ask->target))
    target = target_of(ask->target, link);
  sign_answer_message reply;
  reply.hosts = ask->hosts;
  reply.number = ask->number;
  if (std::string_view why = why_not_answer(*ask, target); !why.empty()) {
    record_refusal(child, link, why);
    reply.text = std::string(1, ssh_agent_failure);
    links_.tell(link, std::move(reply));
    return true;
  }
  intrusive_ptr<ref_counted> alive(&owner_);
  intrusive_ptr<tree_child> from(&child);
  const host& where = hosts_[ask->target].where;
  way_.answer(where, std::move(*ask), [this, alive, from, reply](std::string text) mutable {
    reply.text = std::move(text);
    answer(*from, std::move(reply));
  });
  return true;
}

sign_target sign_desk::target_of(std::uint32_t index, std::uint32_t link) {
  tree_hosts::node& its = hosts_[index];
  sign_target found;
  found.is_on_its_way =
      its.at == tree_stage::wanted && its.link == link && its.by == tree_reach::open;
  if (!found.is_on_its_way) return found;
  const work_item& told = hosts_.item_of(index);
  found.key = told.key;
  found.user = told.user;
  found.asked = its.asked;
  if (its.asked < UINT8_MAX) ++its.asked;
  return found;
}

// Who asks without end does not fill the log.
void sign_desk::record_refusal(const tree_child& child, std::uint32_t link, std::string_view why) {
  constexpr unsigned max_records = 20;
  if (++links_[link].refusals > max_records) return;
  log(log_level::warning, [&] {
    return fmt::format("{}: no signature for a login from there: {}",
                       printable(hosts_[child.index()].where.name()), why);
  });
}

// The child may have gone meanwhile.
void sign_desk::answer(const tree_child& child, sign_answer_message reply) {
  std::uint32_t link = hosts_[child.index()].link;
  if (link != tree_hosts::no_link && links_[link].child.get() == &child)
    links_.tell(link, std::move(reply));
}

}  // namespace execo::detail
