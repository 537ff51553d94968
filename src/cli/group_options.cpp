#include "group_options.hpp"

namespace execo::cli {

std::string group_options::prefix() const {
  const std::string shown = shown_source();
  return shown.empty() ? "@" : "@" + shown + ":";
}

const groups& group_access::get() {
  if (!groups_) {
    groups_ = options_.file.empty() ? groups::standard() : groups::from_file(options_.file);
    if (!options_.source.empty()) groups_->set_default(options_.source);
  }
  return *groups_;
}

}  // namespace execo::cli
