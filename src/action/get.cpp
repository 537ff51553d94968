#include <fmt/format.h>

#include <utility>

#include "action/copy_factory.hpp"
#include "action/substitution.hpp"
#include "execo/printable.hpp"
#include "execo/transfer.hpp"
#include "transfer/get_execution.hpp"
#include "transfer/sftp_get.hpp"

namespace execo {
namespace detail {
namespace {

class get_factory final : public copy_factory {
 public:
  get_factory(std::string destination, std::size_t source_count)
      : destination_(std::move(destination)), source_count_(source_count) {}

  void set_limits(std::uint64_t in_all, std::uint64_t each) {
    limits_ = std::make_shared<received_limits>(in_all, each);
  }

  // The sender waits for an answer.
  void prepare(const command& what) override {
    sends_input = answers() || has_turns();
    copy_factory::prepare(what);
  }

  void begin(loop& on) override {
    copy_factory::begin(on);
    shares_.resize(rings());
    for (auto& share : shares_) share = new_share();
  }

  intrusive_ptr<execution> make(loop& on, std::size_t ring, attempt what) override {
    if (has_turns() && !shares_[ring]->turns)
      shares_[ring]->turns = std::make_unique<equal_files>(on);
    received_place where = place_for(what.where, what.local_paths->front());
    auto make_sftp = [&on, where, from = script_paths(*what.what, source_count_),
                      share = shares_[ring]](intrusive_ptr<lifecycle> server) {
      return intrusive_ptr<sftp_copy>(new sftp_get(on, std::move(server), from, where, share));
    };
    if (by_sftp) return as_execution(make_sftp(run_sftp(on, ring, std::move(what))));
    std::string mark = random_mark();
    intrusive_ptr<lifecycle> sender = run_script(on, ring, what, mark);
    intrusive_ptr<copy_execution> first(
        new get_execution(on, std::move(sender), std::move(where), shares_[ring], std::move(mark)));
    return with_fallback(on, ring, what, std::move(first), std::move(make_sftp));
  }

 private:
  void write_settings(command& script) const override {
    std::string& flags = script.words[first_script_word];
    flags = answers() ? get_asks : get_asks_nothing;
    if (!answers() && has_turns()) flags = get_asks_above + std::to_string(unasked_size());
  }

  bool answers() const noexcept { return resumes || skip != skip_rule::none; }
  // A host that waits for its turn moves nothing.
  bool has_turns() const noexcept { return way.is_by_others() && idle_timeout.count() == 0; }
  // What comes unasked waits here where all of it has a pace.
  std::uint64_t unasked_size() const noexcept {
    constexpr std::uint64_t small = 65'536;
    return bytes_a_second_in_all == 0 && bytes_a_second_each == 0 ? small : 0;
  }

  std::shared_ptr<get_share> new_share() const {
    auto made = std::make_shared<get_share>();
    fill(*made);
    made->preserves = preserves;
    made->syncs = syncs;
    made->resumes = resumes;
    made->skip = skip;
    made->limits = limits_;
    made->unasked_size = unasked_size();
    return made;
  }

  received_place place_for(const host& from, const std::string& path) const {
    received_place where;
    where.path = path.starts_with('/') ? path : directory() + "/" + path;
    bool has_references = path != destination_;
    where.is_directory = !has_references || path.ends_with('/');
    if (!has_references) where.path += "/" + path_component(from.name());
    return where;
  }

  std::string destination_;
  std::size_t source_count_;
  std::shared_ptr<received_limits> limits_;         // null: none
  std::vector<std::shared_ptr<get_share>> shares_;  // by ring
};

action_ref make_get(std::vector<std::string> sources, std::vector<host> hosts,
                    std::string destination) {
  check_paths(sources, "get");
  check_paths({destination}, "get");
  std::string shown = "get " + shown_paths(sources);
  const std::size_t count = sources.size();
  sources.insert(sources.begin(), get_asks_nothing);
  auto* made = new fanout_action(
      script_command(packed_script(get_script), "execo-get", std::move(sources), std::move(shown)),
      std::move(hosts));
  action_ref kept(made);
  made->commands.local_paths = {destination};
  made->commands.writes_local_path = true;
  made->factory = std::make_shared<get_factory>(std::move(destination), count);
  made->limits = ssh_options().limits;
  made->take_defaults = &take_copy_way;
  made->consider_tree = &take_copy_tree_if_faster;
  return kept;
}

}  // namespace

void set_max_size(action& a, std::uint64_t in_all, std::uint64_t each) {
  static_cast<get_factory&>(configurable_copy(a)).set_limits(in_all, each);
}

}  // namespace detail

get::get(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination)
    : action(detail::make_get(std::move(sources).take(), std::move(hosts).take(),
                              std::string(std::string_view(destination)))) {}

}  // namespace execo
