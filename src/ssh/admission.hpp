// Which connections may be begun, by what they lead to: a host's address, as it was given until it
// is looked up, and the way there. A server that turns connections away gets fewer at a time, and
// one that never answers is not tried again for each of the hosts that need it. An address is known
// here as long as sessions are on their way to it, and for a minute if it has failed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "loop/loop.hpp"
#include "process/failure.hpp"
#include "ssh/admission_window.hpp"

namespace execo::detail {

class admission final : public loop_service {
  class address;

 public:
  /// Of one session, for all its tries.
  class ticket : private list_node {
   public:
    /// `granted` is called when it need not wait any more.
    explicit ticket(delegate<> granted) noexcept : granted_(granted) {}
    ~ticket() {
      if (book_ != nullptr) book_->drop(*this);
    }
    bool is_inside() const noexcept { return stage_ == stage::inside; }
    bool is_waiting() const noexcept { return stage_ == stage::waiting; }
    /// It is for an address.
    bool is_named() const noexcept { return book_ != nullptr; }

   private:
    friend class admission;
    enum class stage : std::uint8_t { outside, waiting, inside };

    delegate<> granted_;
    admission* book_ = nullptr;
    address* to_ = nullptr;
    unsigned cuts_ = 0;  // of its window, when it got in
    stage stage_ = stage::outside;
  };
  /// Among those that wait: the last, or before all, since its time runs.
  enum class turn : std::uint8_t { last, first };

  explicit admission(loop& on);
  ~admission() override;

  /// Says what it is for. Pre: that was not said yet.
  void name(ticket& t, const std::string& where);
  /// It is for something else than it was thought to be. Not in flight any more. Pre: it is named.
  void rename(ticket& t, const std::string& where);
  /// Pre: it is named.
  bool is_for(const ticket& t, const std::string& where) const noexcept;
  /// Asks for a connection. True: it is in flight. False: it has to wait.
  /// Pre: it is named; neither is the case yet.
  bool enter(ticket& t, turn where);
  /// Not in flight any more, nor waiting. Does nothing the second time.
  void leave(ticket& t) noexcept;

  /// Its key exchange is complete. Pre: it is named.
  void succeeded(ticket& t) noexcept;
  /// The server has turned it away. Pre: it is named.
  void turned_away(ticket& t) noexcept;
  /// A session has ended without a connection after it was on its way for `lasted`. `weight`: how
  /// many such ends it counts for. Pre: it is named.
  void failed(ticket& t, const failure& why, clock::duration lasted, unsigned weight);
  /// Why nothing is begun for who has asked before that failed; nullopt: it may be.
  /// Pre: it is named.
  std::optional<failure> why_closed(const ticket& t, clock::time_point asked) const;

  /// So many ends in a row without a success close an address.
  static constexpr unsigned max_weight = 3;
  /// Addresses that are known.
  std::size_t size() const noexcept { return addresses_.size(); }

 private:
  static void let_in(address& to) noexcept;
  static void admit(address& to, ticket& t) noexcept;
  void drop(ticket& t) noexcept;
  void forget_old() noexcept;
  void forget(address& a) noexcept;

  // That no session needs.
  static constexpr std::size_t max_failed = 1024;

  loop& loop_;
  std::unordered_map<std::string, std::unique_ptr<address>> addresses_;
  list_node failed_;  // that no session needs, the oldest first
  std::size_t failed_count_ = 0;
};

}  // namespace execo::detail
