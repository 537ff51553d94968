// Host keys as an action: the same admission, routes and deadlines as commands have.
#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "action/fanout_action.hpp"
#include "action/ssh_factory.hpp"
#include "execo/host_keys.hpp"
#include "execo/ssh_config.hpp"
#include "ssh/failing_transport.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/key_scan_transport.hpp"

namespace execo {
namespace {

/// The algorithms with which a server shows a key of that type.
class key_type {
 public:
  std::string_view word;
  std::string_view algorithms;
};
constexpr std::array<key_type, 3> key_types{
    {{"ed25519", "ssh-ed25519"},
     {"ecdsa", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"},
     {"rsa", "rsa-sha2-512,rsa-sha2-256"}}};

const key_type& key_type_of(const std::string& word) {
  auto found = std::ranges::find(key_types, std::string_view(word), &key_type::word);
  if (found == key_types.end())
    throw std::invalid_argument("no type of host keys: " + word +
                                "; there are ed25519, ecdsa, rsa");
  return *found;
}

class key_scan_factory final : public detail::ssh_factory {
 public:
  key_scan_factory(ssh_options chosen, std::vector<std::string> types)
      : ssh_factory(std::move(chosen)), types_(std::move(types)) {
    if (!options().connector.empty())
      throw std::invalid_argument("a connector shows no host keys: key_scan speaks ssh");
    for (const std::string& word : types_) algorithms_.emplace_back(key_type_of(word).algorithms);
    if (algorithms_.empty()) throw std::invalid_argument("no type of host keys to ask for");
  }

  const std::vector<std::string>& types() const noexcept { return types_; }

  void begin(detail::loop& on) override {
    rings_.resize(on.rings().size());
    ssh_factory::begin(on);
  }
  // Of a proxy command: the connection, its standard error and the child.
  std::size_t descriptors() const noexcept override { return 3; }
  void end(std::size_t ring) noexcept override {
    if (ring < rings_.size()) rings_[ring].clear();
  }

 private:
  using directories = std::vector<std::unique_ptr<detail::host_directory>>;  // by type

  std::unique_ptr<detail::transport> transport_to(detail::loop& on, std::size_t ring,
                                                  detail::attempt& what) override {
    check_files();
    auto make = [this, &on, ring, where = destination(what.where)](deadlines* limits) {
      return transport_by_config(on, ring, where, limits);
    };
    return make_in_time(on, what, std::move(make));
  }

  std::unique_ptr<detail::transport> transport_by_config(detail::loop& on, std::size_t ring,
                                                         const host& where, deadlines* limits) {
    std::vector<detail::ssh_target> ways;
    try {
      for (const auto& hosts : directories_of(on, ring)) ways.push_back(hosts->find_ready(where));
    } catch (const ssh_config_error& error) {
      return std::make_unique<detail::failing_transport>(on, end_reason::connect_failed,
                                                         error.what());
    }
    if (limits != nullptr) limits->establish = ways.front().establish;
    return detail::make_key_scan_transport(std::move(ways));
  }

  const directories& directories_of(detail::loop& on, std::size_t ring) {
    directories& known = rings_[ring];
    for (std::size_t i = known.size(); i < algorithms_.size(); ++i)
      known.push_back(
          std::make_unique<detail::host_directory>(on, options(), by(), config(), algorithms_[i]));
    return known;
  }

  const std::vector<std::string> types_;
  std::vector<std::string> algorithms_;  // by type
  std::vector<directories> rings_;
};

std::vector<std::string> all_types() {
  std::vector<std::string> words;
  for (const key_type& t : key_types) words.emplace_back(t.word);
  return words;
}

// Of the keys that it asks for already.
void take_scan_way(detail::fanout_action& to, ssh_options options) {
  to.limits = options.limits;
  to.factory = std::make_shared<key_scan_factory>(
      std::move(options), static_cast<const key_scan_factory&>(*to.factory).types());
}

}  // namespace

key_scan::key_scan(detail::host_arguments hosts)
    : action(detail::action_ref(
          new detail::fanout_action(command("host keys"), std::move(hosts).take()))) {
  detail::fanout_action& made = detail::configurable(state());
  made.factory = std::make_shared<key_scan_factory>(ssh_options(), all_types());
  made.take_defaults = &take_scan_way;
}

key_scan& key_scan::ssh(ssh_options options) & {
  detail::fanout_action& mine = detail::configurable(state());
  take_scan_way(mine, options);
  mine.take_defaults = nullptr;
  options_ = std::move(options);
  return *this;
}

key_scan& key_scan::types(std::vector<std::string> wanted) & {
  detail::configurable(state()).factory =
      std::make_shared<key_scan_factory>(options_, std::move(wanted));
  return *this;
}

}  // namespace execo
