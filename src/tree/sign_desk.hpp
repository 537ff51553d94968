// Where agents ask for the signatures of logins: who may have one gets it from those of this
// process, and who may not is on record.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/intrusive_ptr.hpp"
#include "tree/signer.hpp"
#include "tree/tree_hosts.hpp"
#include "tree/tree_links.hpp"
#include "tree/tree_way.hpp"

namespace execo::detail {

/// A part of `owner`, which stays while there are answers to come.
class sign_desk {
 public:
  sign_desk(ref_counted& owner, tree_hosts& hosts, tree_links& links, tree_way& way);

  /// Agents log in with what this process tells them. If not, nobody has a signature.
  bool serves() const noexcept { return serves_; }

  /// A child may ask for what it likes. False: it is no question.
  bool take(tree_child& child, std::uint32_t link, const frame& f);

 private:
  sign_target target_of(std::uint32_t index, std::uint32_t link);
  void record_refusal(const tree_child& child, std::uint32_t link, std::string_view why);
  void answer(const tree_child& child, sign_answer_message reply);

  ref_counted& owner_;
  tree_hosts& hosts_;
  tree_links& links_;
  tree_way& way_;
  const bool serves_;
};

}  // namespace execo::detail
