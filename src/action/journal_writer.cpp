#include "action/journal_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/contain.hpp"
#include "execo/ndjson.hpp"
#include "execo/printable.hpp"
#include "execo/time.hpp"
#include "execo/version.hpp"
#include "groups/journal_reader.hpp"
#include "loop/helper_threads.hpp"

namespace execo::detail {
namespace {

using json = nlohmann::ordered_json;

// What a power cut may take.
constexpr auto between_syncs = std::chrono::seconds(1);

// Text that is not UTF-8 is a list of bytes.
json text_value(const std::string& text) {
  if (valid_utf8(text)) return text;
  json bytes = json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

json now_value() { return format_time(std::chrono::system_clock::now()); }

std::string line_of(const json& record) { return record.dump() + "\n"; }

class sync_job final : public helper_job {
 public:
  explicit sync_job(std::shared_ptr<journal_file> file) : file_(std::move(file)) {}
  void work() noexcept override { file_->sync(); }
  void finished() noexcept override {}

 private:
  const std::shared_ptr<journal_file> file_;
};

/// Of a loop. When that ends it waits for the disk; what was not begun the file itself makes up
/// for.
class journal_thread final : public loop_service {
 public:
  explicit journal_thread(loop& on) : one_(on, 1) {}
  void sync(const std::shared_ptr<journal_file>& file) {
    one_.submit(std::make_unique<sync_job>(file));
  }

 private:
  helper_threads one_;
};

}  // namespace

std::string attempt_times::to_json() const {
  std::string text = "{";
  for (std::size_t i = 0; i < entered_.size(); ++i) {
    if (entered_[i] == never) continue;
    text +=
        fmt::format("{}\"{}\":{:.6f}", text.size() > 1 ? "," : "", to_string(static_cast<phase>(i)),
                    std::chrono::duration<double>(entered_[i]).count());
  }
  return text + "}";
}

journal_writer::journal_writer(journal_options how)
    : how_(std::move(how)), sync_(delegate<>::to<&journal_writer::sync_soon>(this), "journal") {
  if (how_.file().empty()) throw journal_error(journal_errc::unreadable, "the journal has no name");
  if (!how_.resumes()) {
    file_ = journal_file::create(how_.file());
    return;
  }
  // Locked before it is read: no other run may take the same hosts.
  file_ = journal_file::open(how_.file());
  journal_content before = read_journal(how_.file());
  hosts_ = std::move(before.hosts);
  entries_ = std::move(before.entries);
  under_way_ = std::move(before.under_way);
  size_ = before.size;
}

journal_writer::~journal_writer() {
  if (stage_ == stage::idle && !how_.resumes()) file_->remove();
}

std::vector<std::size_t> journal_writer::take_over(std::vector<host>& hosts) {
  check_hosts(hosts);
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const journal_state state = entries_[i].state;
    const bool is_left = state == journal_state::not_started ||
                         (state == journal_state::unknown && how_.is_idempotent());
    if (!is_left) continue;
    if (positions.size() != i) hosts[positions.size()] = std::move(hosts[i]);
    positions.push_back(i);
  }
  hosts.resize(positions.size());
  return positions;
}

void journal_writer::check_hosts(const std::vector<host>& hosts) const {
  if (hosts == hosts_) return;
  const bool is_other = hosts.size() == hosts_.size();
  throw journal_error(
      journal_errc::other_hosts,
      fmt::format("{}: a run on {} hosts, and the action {}: give it journal::hosts()",
                  file_->name(), hosts_.size(),
                  is_other ? "has others" : fmt::format("has {}", hosts.size())));
}

void journal_writer::begin(loop& on, const std::string& command, const std::vector<host>& hosts,
                           const std::function<void(std::string_view)>& on_notice) {
  if (how_.resumes()) {
    begin_again();
  } else {
    begin_new(command, hosts);
  }
  if (file_->failed()) std::rethrow_exception(problem());
  stage_ = stage::open;
  loop_ = &on;
  // The first record at once: it makes the rest worth having.
  submit_sync();
  on.arm_after(sync_, between_syncs);
  if (!how_.remembers()) return;
  try {
    (void)remember_run(how_.file());
  } catch (const std::exception& error) {
    if (on_notice) on_notice(fmt::format("@last is not this run: {}", error.what()));
  }
}

void journal_writer::begin_new(const std::string& command, const std::vector<host>& hosts) {
  json first;
  first["record"] = "run";
  first["schema"] = journal_schema;
  first["execo"] = version();
  first["began"] = now_value();
  first["pid"] = ::getpid();
  first["directory"] = text_value(how_.directory());
  first["arguments"] = json::array();
  for (const std::string& word : how_.arguments()) first["arguments"].push_back(text_value(word));
  first["command"] = text_value(command);
  first["connection"] = json::object();
  for (const auto& [name, value] : how_.connection()) first["connection"][name] = text_value(value);
  // A million of them would take much room as values.
  std::string line = first.dump();
  line.back() = ',';
  line += "\"hosts\":[";
  for (const host& one : hosts) line += text_value(one.to_string()).dump() + ",";
  if (!hosts.empty()) line.pop_back();
  (void)file_->write(line + "]}\n");
}

void journal_writer::begin_again() {
  if (!file_->cut(size_)) return;
  json again;
  again["record"] = "resume";
  again["execo"] = version();
  again["began"] = now_value();
  again["pid"] = ::getpid();
  again["idempotent"] = how_.is_idempotent();
  (void)file_->write(line_of(again));
  if (how_.is_idempotent()) return;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!under_way_[i]) continue;
    json end;
    end["record"] = "end";
    end["host"] = text_value(hosts_[i].to_string());
    end["index"] = i;
    end["end"] = "unknown";
    if (!file_->write(line_of(end))) return;
  }
}

unsigned journal_writer::attempts_before(std::size_t index) const noexcept {
  return index < entries_.size() ? entries_[index].attempts : 0;
}

bool journal_writer::attempt(std::size_t index, unsigned number, const host& where) {
  return file_->write(fmt::format(
      "{{\"record\":\"attempt\",\"host\":{},\"index\":{},\"attempt\":{},\"at\":\"{}\"}}\n",
      text_value(where.to_string()).dump(), index, attempts_before(index) + number,
      format_time(std::chrono::system_clock::now())));
}

void journal_writer::end(const host_result& r, const attempt_times* times) {
  std::string line =
      fmt::format(R"({{"record":"end","attempt":{},"ok":{},"begun":"{}","phases":{},)",
                  attempts_before(r.index) + r.attempts, r.ok(), to_string(r.started_command()),
                  times != nullptr ? times->to_json() : "{}");
  line += std::string_view(to_ndjson(r)).substr(1);
  (void)file_->write(line);
}

std::exception_ptr journal_writer::problem() const {
  return std::make_exception_ptr(journal_error(journal_errc::not_written, file_->problem()));
}

void journal_writer::sync_soon() noexcept {
  if (!file_->is_synced()) submit_sync();
  loop_->arm_after(sync_, between_syncs);
}

// Without a thread for it the next one tries.
void journal_writer::submit_sync() noexcept {
  contain([this] { loop_->service<journal_thread>().sync(file_); },
          [](const std::exception_ptr&) {});
}

void journal_writer::finish() noexcept {
  if (stage_ != stage::open) return;
  stage_ = stage::over;
  loop_->disarm(sync_);
  if (!file_->is_synced()) submit_sync();
  file_->release();
  loop_ = nullptr;
}

}  // namespace execo::detail
