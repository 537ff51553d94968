#include "action/tree_put.hpp"

#include <cassert>
#include <utility>

#include "execo/printable.hpp"
#include "transfer/source_reader.hpp"

namespace execo::detail {
namespace {

class put_bytes final : public tree_content {
 public:
  explicit put_bytes(std::shared_ptr<const source_tree> file) : file_(std::move(file)) {}

  std::uint64_t size() const noexcept override { return file_->bytes; }
  // Why they cannot be had, each host finds out when it is sent the file alone.
  bool read(std::uint64_t offset, std::span<char> into) override {
    return !reader_.read(file_->entries.front(), offset, into);
  }

 private:
  std::shared_ptr<const source_tree> file_;
  source_reader reader_;
};

}  // namespace

std::shared_ptr<tree_content> make_tree_content(std::shared_ptr<const source_tree> file) {
  assert(file->is_one_file());
  return std::make_shared<put_bytes>(std::move(file));
}

bool agents_can(const put_settings& how, const put_content& what,
                const std::string& destination) noexcept {
  return what.tree().is_one_file() && !how.resumes && how.skip == skip_rule::none &&
         destination.size() <= file_path_limit &&
         what.tree().tops.front().size() <= file_name_limit;
}

file_order_message order_of(const put_settings& how, const put_content& what,
                            const std::string& destination) {
  assert(agents_can(how, what, destination));
  const source_entry& file = what.tree().entries.front();
  file_order_message made;
  made.facts.mode = file.mode;
  made.facts.modified = static_cast<std::uint64_t>(file.modified);
  made.facts.user = file.user;
  made.facts.group = file.group;
  made.name = what.tree().tops.front();
  made.destination = destination;
  auto set = [&made](bool wanted, file_flag which) {
    if (wanted) made.flags |= static_cast<std::uint8_t>(which);
  };
  set(how.preserves, file_flag::preserve);
  set(how.syncs, file_flag::sync);
  set(how.makes_directories, file_flag::make_directories);
  return made;
}

tree_put::tree_put(loop& on, intrusive_ptr<lifecycle> writer, std::shared_ptr<tree_file> what,
                   std::shared_ptr<copy_share> shared)
    : copy_execution(on, std::move(writer), *shared, {}, delegate<>::to<&tree_put::no_turn>(this)),
      what_(std::move(what)),
      shared_(std::move(shared)) {}

void tree_put::on_start() {
  assert(state_ == state::idle);
  state_ = state::running;
  counts().expect(what_->content->size());
}

void tree_put::let_go() noexcept {
  if (what_->is_lost) counts().expect_less(what_->content->size());
  state_ = state::ended;
}

copy_failure tree_put::judged() {
  if (peer_result().status().code() == 0) {
    counts().moved(what_->content->size());
    counts().files(1);
    return copy_failure();
  }
  return copy_failure::of_errno(what_->error, printable(what_->failure));
}

}  // namespace execo::detail
