// The contents that this agent writes to files of its host, and gives on to its children.
//
// Each content comes once, by the parent, and is checked before anything is done with it. Children
// are given what is in the file already, each at its own pace: a slow one keeps nobody waiting, and
// one that comes late finds the beginning.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/file_unpacker.hpp"
#include "agent/file_writer.hpp"
#include "agent/line.hpp"
#include "agent/part_offer.hpp"
#include "agent/reactor.hpp"
#include "wire/content_digests.hpp"
#include "wire/content_reader.hpp"
#include "wire/messages.hpp"

namespace execo::agent {

class file_relay_owner {
 public:
  virtual void tell(const detail::ended_message& what) = 0;
  virtual void tell(const detail::file_want_message& what) = 0;
  /// Null if it is none or has no link any more.
  virtual line* child_line(std::uint32_t child) = 0;

 protected:
  ~file_relay_owner() = default;
};

class file_relay {
 public:
  file_relay(reactor& on, file_relay_owner& owner, mode_t mask) noexcept
      : loop_(on),
        owner_(owner),
        mask_(mask),
        step_(delegate<>::to<&file_relay::work_some>(this)) {}
  ~file_relay() { loop_.disarm(step_); }

  void introduce(const detail::welcome_message& self) noexcept {
    index_ = self.index;
    tree_secret_ = self.tree_secret;
  }
  /// The end of the run is told.
  void write(const detail::file_order_message& order);
  void cancel(std::uint32_t run);

  // Of the parent. False if it breaks the protocol.
  bool take(const detail::file_part_message& part);
  bool take(const detail::file_end_message& end);
  void take(const detail::file_none_message& none);
  void forget(std::uint32_t content) { contents_.erase(content); }
  /// Nothing comes any more: what is not whole is removed.
  void abandon();
  /// The way to the root is lost. Before abandon(): the next agent on this host can have what is
  /// here, as long as this one lives.
  void offer_parts();
  /// Nobody has come for some of them yet.
  bool has_offers() const noexcept;

  /// The content is for hosts that lie behind that child: it may ask for it.
  void expect(std::uint32_t child, std::uint32_t content);
  void want(std::uint32_t child, const detail::file_want_message& what);
  /// Gives children what there is and what they have room for.
  void serve();

 private:
  // checking  -> comparing  what was there of it is read, and the parent is asked for the rest
  // comparing -> coming     the first part has come, for the rest or for all
  // comparing, coming -> whole  its end has come, and all of it is right
  // all but whole     -> none   it cannot be had any more, or not be written here
  enum class stage : std::uint8_t { checking, comparing, coming, whole, none };
  class content {
   public:
    content(const detail::file_order_message& order, mode_t mask) : file(order, mask) {}
    detail::content_reader* find(std::uint32_t child) noexcept {
      for (detail::content_reader& one : readers)
        if (one.key() == child) return &one;
      return nullptr;
    }
    file_writer file;
    bool is_under_way() const noexcept { return at < stage::whole; }
    /// What children can be given of it.
    std::uint64_t there() const noexcept {
      return at == stage::coming || at == stage::whole ? file.size() : 0;
    }
    stage at = stage::coming;
    std::uint64_t had = 0;  // bytes that were here and are right
    std::unique_ptr<part_offer> offer;
    std::unique_ptr<file_unpacker> unpacker;  // until all has its name
    detail::content_digests digests;
    std::uint32_t consumed = 0;                   // since more was asked for
    std::vector<detail::content_reader> readers;  // by their children
  };

  content* find(std::uint32_t number) noexcept;
  void ask(std::uint32_t number, const content& of, std::uint32_t room);
  void check_some(std::uint32_t number, content& of);
  bool take_first(content& of, std::uint64_t offset);
  void consume(std::uint32_t number, content& of, std::size_t bytes);
  void end(content& of);
  void work_some();
  void unpacked(content& of);
  void give_up(content& of, std::string_view why);
  void report_failed(const file_writer& of);
  void report_ended(std::uint32_t run, detail::command_end how, int code, std::string_view text,
                    std::uint64_t had = 0);
  void refuse(std::uint32_t child, std::uint32_t number);
  void serve(std::uint32_t number, content& from);
  void serve(std::uint32_t number, content& from, detail::content_reader& to, line& way);
  void give_on(const detail::file_part_message& part, content& of);
  bool send_part(std::uint32_t number, content& from, detail::content_reader& to, line& way);

  reactor& loop_;
  file_relay_owner& owner_;
  mode_t mask_;
  std::uint32_t index_ = 0;
  detail::bytes16 tree_secret_{};
  std::map<std::uint32_t, std::unique_ptr<content>> contents_;
  std::string buffer_;
  alarm step_;
};

}  // namespace execo::agent
