#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "action/copy_factory.hpp"
#include "action/tree_put.hpp"
#include "execo/printable.hpp"
#include "execo/transfer.hpp"
#include "transfer/copy_fallback.hpp"
#include "transfer/failed_execution.hpp"
#include "transfer/put_execution.hpp"
#include "transfer/sftp_put.hpp"

namespace execo {
namespace detail {
namespace {

bool may_have_references(const std::string& path) { return path.find("{{") != path.npos; }

class put_factory final : public copy_factory {
 public:
  put_factory(std::vector<std::string> sources, std::size_t hosts)
      : sources_(std::move(sources)), hosts_(hosts) {
    sends_input = true;
  }

  put_settings how;

  void prepare(const command& what) override {
    copy_factory::prepare(what);
    if (std::ranges::any_of(sources_, may_have_references)) return;
    auto read = std::make_shared<source_tree>();
    if (copy_failure failed = read_source_tree(sources_, directory(), *read))
      throw std::invalid_argument(words_of(failed));
    tree_ = std::move(read);
    if (sends_by_agents()) way.fit_shape(what, hosts_, tree_->bytes);
  }

  void begin(loop& on) override {
    copy_factory::begin(on);
    shares_.resize(rings());
    how.preserves = preserves;
    how.resumes = resumes;
    how.syncs = syncs;
    how.skip = skip;
    for (auto& share : shares_) share = new_share();
    contents_.resize(rings());
    for_agents_.reset();
    if (tree_) script_ = packed_script(put_script, tree_->is_one_file() ? "archive" : "file");
  }

  intrusive_ptr<execution> make(loop& on, std::size_t ring, attempt what) override {
    copy_failure failed;
    std::shared_ptr<put_content> content = content_for(on, ring, *what.local_paths, failed);
    std::string name = what.what->name();
    if (!content)
      return intrusive_ptr<execution>(new failed_execution(std::move(name), std::move(failed)));
    auto make_sftp = [&on, content, to = script_paths(*what.what, 1).front(), share = shares_[ring],
                      all = by_sftp ? 0 : content->size()](intrusive_ptr<lifecycle> server) {
      return intrusive_ptr<sftp_copy>(new sftp_put(on, std::move(server), content, to, share, all));
    };
    if (by_sftp) return as_execution(make_sftp(run_sftp(on, ring, std::move(what))));
    const std::string to = script_paths(*what.what, 1).front();
    if (tree_ && sends_by_agents() && agents_can(how, *content, to))
      return by_agents(on, ring, what, content, to);
    intrusive_ptr<copy_execution> first = by_script(on, ring, what, std::move(content));
    return with_fallback(on, ring, what, std::move(first), std::move(make_sftp));
  }

  void end(std::size_t ring) noexcept override {
    if (ring < contents_.size()) contents_[ring].reset();
    if (ring == 0) for_agents_.reset();
    copy_factory::end(ring);
  }

 private:
  intrusive_ptr<copy_execution> by_script(loop& on, std::size_t ring, const attempt& what,
                                          std::shared_ptr<put_content> content) {
    std::string mark = random_mark();
    intrusive_ptr<lifecycle> receiver = run_script(on, ring, what, mark);
    return intrusive_ptr<copy_execution>(new put_execution(
        on, std::move(receiver), std::move(content), shares_[ring], std::move(mark)));
  }

  intrusive_ptr<copy_execution> by_agent(loop& on, std::size_t ring, const attempt& what,
                                         const put_content& content, const std::string& to) {
    if (!for_agents_) for_agents_ = make_tree_content(tree_);
    auto file = std::make_shared<tree_file>();
    file->order = order_of(how, content, to);
    file->content = for_agents_;
    file->files = content.files();
    return intrusive_ptr<copy_execution>(
        new tree_put(on, run_agent(on, ring, what, file), file, shares_[ring]));
  }

  // A host that was lost behind another one is reached in another way, and has a part already.
  intrusive_ptr<execution> by_agents(loop& on, std::size_t ring, const attempt& what,
                                     std::shared_ptr<put_content> content, const std::string& to) {
    constexpr int max_tries = 3;
    intrusive_ptr<copy_execution> first = by_agent(on, ring, what, *content, to);
    auto next = [this, &on, ring, what, content, to, tries = 1]() mutable {
      copy_fallback::next_try made;
      if (++tries < max_tries) {
        made.copy = by_agent(on, ring, what, *content, to);
        made.why = "the way to it was lost, and the file came in another one";
      } else if (tries == max_tries) {
        made.copy = by_script(on, ring, what, content);
        made.why = "the file could not come by way of other hosts: it was sent to this one alone";
      }
      return made;
    };
    return intrusive_ptr<execution>(new copy_fallback(on, std::move(first), std::move(next)));
  }

  void write_settings(command& script) const override {
    if (!script_.empty()) set_script(script, script_);
  }

  static std::string words_of(const copy_failure& failed) {
    return failed.why ? failed.context + ": " + failed.why.message() : failed.context;
  }

  std::shared_ptr<put_share> new_share() const {
    auto made = std::make_shared<put_share>();
    fill(*made);
    made->how = how;
    return made;
  }

  // One for all hosts of a ring, unless each has sources of its own.
  std::shared_ptr<put_content> content_for(loop& on, std::size_t ring,
                                           const std::vector<std::string>& paths,
                                           copy_failure& failed) {
    if (tree_) {
      if (!contents_[ring]) contents_[ring] = new_content(on, tree_);
      return contents_[ring];
    }
    auto read = std::make_shared<source_tree>();
    failed = read_source_tree(paths, directory(), *read);
    if (failed) return nullptr;
    return new_content(on, std::move(read));
  }

  std::shared_ptr<put_content> new_content(loop& on,
                                           std::shared_ptr<const source_tree> tree) const {
    payload::form form = tree->is_one_file() ? payload::form::file : payload::form::archive;
    return std::make_shared<put_content>(on, std::move(tree), form, how.preserves);
  }

  std::vector<std::string> sources_;
  std::size_t hosts_;
  std::string script_;                              // of those alone; empty: each host has its own
  std::shared_ptr<const source_tree> tree_;         // null: each host has its own
  std::vector<std::shared_ptr<put_share>> shares_;  // by ring
  std::vector<std::shared_ptr<put_content>> contents_;  // by ring
  std::shared_ptr<tree_content> for_agents_;            // made when it is needed
};

action_ref make_put(std::vector<std::string> sources, std::vector<host> hosts,
                    std::string destination) {
  check_paths(sources, "put");
  check_paths({destination}, "put");
  std::string shown = fmt::format("put {} {}", shown_paths(sources), shown_paths({destination}));
  auto* made = new fanout_action(script_command(packed_script(put_script), "execo-put",
                                                {std::move(destination)}, std::move(shown)),
                                 std::move(hosts));
  action_ref kept(made);
  const std::size_t count = made->hosts.size();
  made->commands.local_paths = sources;
  made->factory = std::make_shared<put_factory>(std::move(sources), count);
  made->limits = ssh_options().limits;
  made->take_defaults = &take_copy_way;
  made->consider_tree = &take_copy_tree_if_faster;
  return kept;
}

}  // namespace

void set_make_directories(action& a) {
  static_cast<put_factory&>(configurable_copy(a)).how.makes_directories = true;
}

}  // namespace detail

put::put(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination)
    : action(detail::make_put(std::move(sources).take(), std::move(hosts).take(),
                              std::string(std::string_view(destination)))) {}

}  // namespace execo
