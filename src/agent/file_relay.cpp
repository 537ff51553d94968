#include "agent/file_relay.hpp"

#include <algorithm>
#include <utility>

#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

using detail::command_end;
using detail::content_reader;
using detail::content_window;

// What waits for a child: more is read from the file when there is room again.
constexpr std::size_t child_backlog = 256 * 1024;
// Of what is there of a file, between which the agent hears its parent.
constexpr int parts_a_step = 8;

// All parts are whole, but for the last.
std::size_t next_part(const file_writer& of) noexcept {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(detail::file_part_limit, of.order().size - of.size()));
}

constexpr const char* not_by_parent = "the file did not come by way of the parent";

}  // namespace

file_relay::content* file_relay::find(std::uint32_t number) noexcept {
  auto found = contents_.find(number);
  return found != contents_.end() ? found->second.get() : nullptr;
}

// -- the file here
// ---------------------------------------------------------------------------------

// A content is written to one file of a host: for another one it has to come in another way.
void file_relay::write(const detail::file_order_message& order) {
  if (find(order.content) != nullptr)
    return report_ended(order.run, command_end::lost, 0, "the file is written here already");
  auto made = std::make_unique<content>(order, mask_);
  const part_place place(tree_secret_, index_, order.content);
  if (!made->file.open(take_offered(place))) return report_failed(made->file);
  content& of = *contents_.emplace(order.content, std::move(made)).first->second;
  if (of.file.found() == 0) return ask(order.content, of, content_window);
  of.at = stage::checking;
  loop_.arm(step_, loop_.now());
}

void file_relay::ask(std::uint32_t number, const content& of, std::uint32_t room) {
  detail::file_want_message want;
  want.content = number;
  want.room = room;
  if (of.at == stage::comparing) {
    want.offset = of.file.size();
    want.digest = of.digests.whole();
  }
  owner_.tell(want);
}

// What is there is worth nothing unless the parent has the same.
void file_relay::check_some(std::uint32_t number, content& of) {
  for (int i = 0; i < parts_a_step; ++i) {
    const std::uint64_t at = of.digests.parts() * detail::file_part_limit;
    if (at >= of.file.found()) {
      of.at = stage::comparing;
      of.file.keep(of.file.found());
      return ask(number, of, content_window);
    }
    const std::string_view bytes = of.file.read(
        at, std::min<std::uint64_t>(detail::file_part_limit, of.file.found() - at), buffer_);
    if (bytes.empty()) return give_up(of, "what was there of the file cannot be read");
    of.digests.add(detail::part_digest(bytes));
  }
}

// Of what was there the parent has the same, or sends all. False if it does neither.
bool file_relay::take_first(content& of, std::uint64_t offset) {
  of.at = stage::coming;
  if (offset == of.file.size()) {
    of.had = offset;
    return true;
  }
  of.digests.clear();
  if (!of.file.begin_anew()) {
    of.at = stage::none;
    report_failed(of.file);
  }
  return offset == 0;
}

bool file_relay::take(const detail::file_part_message& part) {
  content* of = find(part.content);
  if (of == nullptr || of->at == stage::none) return true;
  if (of->at == stage::comparing && !take_first(*of, part.offset)) return false;
  if (of->at == stage::none) return true;
  if (of->at != stage::coming || part.offset != of->file.size() ||
      part.bytes.size() != next_part(of->file))
    return false;
  if (detail::part_digest(part.bytes) != part.digest) {
    give_up(*of, "a part of the file came with the digest of other bytes");
    return true;
  }
  of->digests.add(part.digest);
  if (!of->file.write(part.bytes)) {
    of->at = stage::none;
    report_failed(of->file);
    return true;
  }
  give_on(part, *of);
  consume(part.content, *of, part.bytes.size());
  return true;
}

void file_relay::consume(std::uint32_t number, content& of, std::size_t bytes) {
  of.consumed += static_cast<std::uint32_t>(bytes);
  if (of.consumed < content_window / 2) return;
  ask(number, of, std::exchange(of.consumed, 0));
}

bool file_relay::take(const detail::file_end_message& what) {
  content* of = find(what.content);
  if (of == nullptr || of->at == stage::none) return true;
  if (of->at == stage::comparing) (void)take_first(*of, of->file.size());
  if (of->at != stage::coming || of->file.size() != of->file.order().size) return false;
  if (of->digests.whole() == what.digest)
    end(*of);
  else
    give_up(*of, "the file has come with another digest than it was sent with");
  return true;
}

// Children can be given what could not be named here.
void file_relay::end(content& of) {
  of.at = stage::whole;
  if (of.file.order().form == detail::file_form::entries) {
    of.unpacker = std::make_unique<file_unpacker>(of.file, mask_);
    return loop_.arm(step_, loop_.now());
  }
  if (!of.file.finish()) return report_failed(of.file);
  report_ended(of.file.order().run, command_end::exited, 0, "", of.had);
}

// A step of each, then what else there is.
void file_relay::work_some() {
  bool goes_on = false;
  for (auto& [number, of] : contents_) {
    if (of->at == stage::checking) check_some(number, *of);
    if (of->unpacker && !of->unpacker->step()) unpacked(*of);
    goes_on = goes_on || of->at == stage::checking || of->unpacker != nullptr;
  }
  if (goes_on) loop_.arm(step_, loop_.now());
}

void file_relay::unpacked(content& of) {
  const std::unique_ptr<file_unpacker> by = std::move(of.unpacker);
  const bool is_done = by->state() == unpack_state::done;
  of.file.drop_kept();
  of.file.discard();
  report_ended(of.file.order().run, is_done ? command_end::exited : command_end::not_started,
               by->error(), by->failure(), of.had);
}

void file_relay::take(const detail::file_none_message& none) {
  content* of = find(none.content);
  if (of != nullptr && of->is_under_way()) give_up(*of, none.text);
}

// It comes in another way, from its beginning.
void file_relay::give_up(content& of, std::string_view why) {
  of.at = stage::none;
  of.file.drop_kept();
  of.file.discard();
  report_ended(of.file.order().run, command_end::lost, 0, why);
}

void file_relay::cancel(std::uint32_t run) {
  for (auto& [number, of] : contents_) {
    if (of->file.order().run != run || (!of->is_under_way() && !of->unpacker)) continue;
    of->unpacker.reset();
    if (of->is_under_way()) of->at = stage::none;
    of->file.discard();
    return report_ended(run, command_end::cancelled, 0, "");
  }
}

void file_relay::abandon() {
  for (auto& [number, of] : contents_) {
    const bool was_unpacking = of->unpacker != nullptr;
    of->unpacker.reset();
    if (!of->is_under_way() && !was_unpacking) continue;
    of->at = stage::none;
    of->file.discard();
    report_ended(of->file.order().run, command_end::lost, 0, not_by_parent);
  }
}

void file_relay::offer_parts() {
  for (auto& [number, of] : contents_) {
    if (of->there() == 0 || !of->is_under_way() || of->file.nameless_file() < 0) continue;
    of->offer = std::make_unique<part_offer>(loop_);
    (void)of->offer->begin(part_place(tree_secret_, index_, number), of->file.nameless_file());
  }
}

bool file_relay::has_offers() const noexcept {
  return std::ranges::any_of(contents_, [](const auto& one) {
    return one.second->offer && one.second->offer->state() == offer_state::offered;
  });
}

void file_relay::report_failed(const file_writer& of) {
  report_ended(of.order().run, command_end::not_started, of.error(), of.failure());
}

void file_relay::report_ended(std::uint32_t run, command_end how, int code, std::string_view text,
                              std::uint64_t had) {
  detail::ended_message end;
  end.run = run;
  end.hosts = detail::index_ranges(index_);
  end.how = how;
  end.code = static_cast<std::uint32_t>(code);
  end.text = std::string(text.substr(0, detail::reason_limit));
  end.measures.emplace_back();
  end.measures.back().output = had;
  owner_.tell(end);
}

// -- children
// --------------------------------------------------------------------------------------

void file_relay::expect(std::uint32_t child, std::uint32_t number) {
  content* from = find(number);
  if (from != nullptr && from->find(child) == nullptr) from->readers.emplace_back(child);
}

void file_relay::want(std::uint32_t child, const detail::file_want_message& what) {
  content* from = find(what.content);
  content_reader* to = from != nullptr ? from->find(child) : nullptr;
  if (to == nullptr || from->at == stage::none) return refuse(child, what.content);
  to->want(what, from->file.order().size);
}

void file_relay::refuse(std::uint32_t child, std::uint32_t number) {
  detail::file_none_message none;
  none.content = number;
  none.text = not_by_parent;
  if (line* way = owner_.child_line(child)) (void)way->send(none);
}

void file_relay::serve() {
  for (auto& [number, from] : contents_)
    if (!from->readers.empty()) serve(number, *from);
}

void file_relay::serve(std::uint32_t number, content& from) {
  for (content_reader& to : from.readers) {
    line* way = owner_.child_line(to.key());
    if (way == nullptr || (!to.is_open() && !to.is_comparing())) continue;
    if (from.at != stage::none) {
      serve(number, from, to, *way);
    } else {
      refuse(to.key(), number);
      to.end();
    }
  }
}

void file_relay::serve(std::uint32_t number, content& from, content_reader& to, line& way) {
  if (to.is_comparing() && detail::parts_of(from.there()) >= to.parts_to_compare())
    to.compare(from.digests);
  while (to.next_size(from.there()) > 0 && way.link().data_backlog() < child_backlog)
    if (!send_part(number, from, to, way)) return;
  if (from.at != stage::whole || !to.is_open() || to.next() < from.file.size()) return;
  detail::file_end_message end;
  end.content = number;
  end.digest = from.digests.whole();
  (void)way.send(end);
  to.end();
}

// To those that have all before it: they need not be given it from the file.
void file_relay::give_on(const detail::file_part_message& part, content& of) {
  for (content_reader& to : of.readers) {
    line* way = owner_.child_line(to.key());
    if (way == nullptr || to.next() != part.offset || to.next_size(of.there()) == 0 ||
        way->link().data_backlog() >= child_backlog)
      continue;
    (void)way->send(part);
    to.sent(part.bytes.size());
  }
}

bool file_relay::send_part(std::uint32_t number, content& from, content_reader& to, line& way) {
  detail::file_part_message part;
  part.content = number;
  part.offset = to.next();
  part.bytes = from.file.read(to.next(), to.next_size(from.there()), buffer_);
  if (part.bytes.empty()) {
    to.end();
    refuse(to.key(), number);
    return false;
  }
  part.digest = from.digests.of(part.offset, part.bytes);
  (void)way.send(part);
  to.sent(part.bytes.size());
  return true;
}

}  // namespace execo::agent
