// Messages with random contents within their bounds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "random_bytes.hpp"
#include "wire/message_limits.hpp"
#include "wire/messages.hpp"

namespace execo::test {

class random_messages {
 public:
  explicit random_messages(std::uint64_t seed) : random_(seed) {}

  /// Below `limit`.
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool coin() { return below(2) == 0; }
  /// Small, large or any: what lies at the edges comes often.
  template <class Integer>
  void number(Integer& value) {
    switch (below(4)) {
      case 0:
        value = static_cast<Integer>(below(3));
        return;
      case 1:
        value = static_cast<Integer>(~Integer{0} - below(3));
        return;
      default:
        value = static_cast<Integer>(random_() >> below(64));
        return;
    }
  }
  template <class Enum>
  void choice(Enum& value, std::uint8_t count) {
    value = static_cast<Enum>(below(count));
  }
  void any_bytes(detail::bytes16& value) { random_bytes(random_()).fill(value.data(), 16); }
  std::string bytes(std::size_t limit) { return random_bytes(random_()).take(below(limit)); }
  /// Without zero bytes.
  std::string word(std::size_t limit) {
    std::string made = bytes(limit);
    std::replace(made.begin(), made.end(), '\0', 'x');
    return made;
  }
  std::uint32_t host() { return static_cast<std::uint32_t>(below(detail::no_host)); }
  std::uint32_t run() { return 1 + static_cast<std::uint32_t>(below(0xffff'ffff)); }
  /// Not empty.
  detail::index_ranges hosts(std::uint64_t ranges = 30, std::uint32_t gap = 100) {
    detail::index_ranges set(static_cast<std::uint32_t>(below(gap)));
    for (std::uint64_t more = below(ranges); more > 0; --more) {
      const std::uint32_t next = set.ranges().back().last + 1;
      const auto first = static_cast<std::uint32_t>(next + below(gap));
      set.append(first, static_cast<std::uint32_t>(first + below(5)));
    }
    return set;
  }

  void fill(detail::hello_message& m) {
    number(m.protocol_min);
    m.protocol_max = detail::protocol_highest;
    m.protocol_min = std::min(m.protocol_min, m.protocol_max);
    any_bytes(m.build);
    any_bytes(m.nonce);
    number(m.capabilities);
    choice(m.arch, detail::machine_count);
    number(m.cores);
    number(m.memory_available);
    number(m.open_files);
    any_bytes(m.boot_id);
    number(m.pid);
  }
  void fill(detail::welcome_message& m) {
    number(m.protocol);
    any_bytes(m.tree_secret);
    m.index = host();
    number(m.depth);
    m.heartbeat_ms = 1 + static_cast<std::uint32_t>(below(10'000));
    m.dead_ms = m.heartbeat_ms + 1 + static_cast<std::uint32_t>(below(10'000));
    number(m.orphan_grace_ms);
    if (m.protocol >= 2) number(m.grooming_ms);
    m.link_window = 1 + static_cast<std::uint32_t>(below(1'000'000));
    m.stream_window = 1 + static_cast<std::uint32_t>(below(1'000'000));
    m.host = word(detail::name_limit);
    m.father = word(detail::name_limit);
  }
  void fill(detail::credit_message& m) {
    m.data = 1 + static_cast<std::uint32_t>(below(100));
    if (coin()) return number(m.control);
    m.run = run();
    m.host = host();
    m.stream = static_cast<std::uint8_t>(below(3));
  }
  void fill(detail::ping_message& m) { number(m.token); }
  void fill(detail::pong_message& m) { number(m.token); }
  void fill(detail::goodbye_message& m) {
    choice(m.reason, detail::goodbye_reason_count);
    m.text = bytes(detail::reason_limit);
    number(m.used.agents);
    number(m.used.cpu_us);
    number(m.used.memory_kib);
  }
  void fill(detail::connector_message& m) {
    m.local = coin();
    const std::uint64_t count = m.local ? 0 : 1 + below(5);
    for (std::uint64_t i = 0; i < count; ++i) m.words.push_back(word(50));
    m.relays = coin();
    number(m.timeout_ms);
    number(m.connect_us);
    number(m.cpu_us);
  }
  void fill(detail::image_message& m) {
    choice(m.arch, detail::machine_count);
    random_bytes(random_()).fill(m.sha256.data(), m.sha256.size());
    held_ = bytes(500) + "x";
    m.bytes = held_;
    m.offset = static_cast<std::uint32_t>(below(1'000'000));
    m.size = m.offset + static_cast<std::uint32_t>(held_.size() + below(1'000));
  }
  void fill(detail::work_message& m) {
    hosts().for_each([&](std::uint32_t index) {
      detail::work_item& item = m.items.emplace_back();
      item.index = index;
      item.name = word(20) + "n";
      if (coin()) item.alias = word(20);
      item.user = word(5);
      number(item.port);
      number(item.zone);
      if (coin()) item.key = word(80);
      item.doubtful = coin();
      item.leads = coin();
      number(item.under);
    });
  }
  void fill(detail::steal_message& m) {
    number(m.hosts);
    number(m.connect_us);
    number(m.cpu_us);
  }
  void fill(detail::revoke_message& m) { m.hosts = hosts(); }
  void fill(detail::returned_message& m) { m.hosts = hosts(); }
  void fill(detail::host_state_message& m) {
    m.hosts = hosts();
    choice(m.state, detail::tree_host_state_count);
    if (m.state == detail::tree_host_state::failed)
      m.why = static_cast<detail::host_failure>(1 + below(detail::host_failure_count - 1));
    m.text = bytes(detail::reason_limit);
    number(m.parent);
    number(m.depth);
    number(m.connect_ms);
  }
  void fill(detail::sign_ask_message& m) {
    m.hosts = detail::index_ranges(host());
    number(m.number);
    m.target = host();
    choice(m.wish, detail::sign_wish_count);
    for (std::string* part : {&m.host_key, &m.proof}) *part = bytes(300);
    m.session = bytes(100);
    number(m.flags);
    if (m.wish == detail::sign_wish::keys) return;
    m.key = bytes(300);
    m.data = bytes(300);
  }
  void fill(detail::sign_answer_message& m) {
    m.hosts = detail::index_ranges(host());
    number(m.number);
    m.text = bytes(300) + "x";
  }
  void fill(detail::certificate_message& m) {
    m.key = bytes(300) + "x";
    m.text = bytes(3000) + "x";
  }
  void make_connection(detail::execute_message& m) {
    m.words = {detail::connection_word(22, random_bytes(random_()).take(coin() ? 4 : 16))};
    m.directory.clear();
    m.environment.clear();
    m.flags = static_cast<std::uint8_t>(detail::execute_flag::input);
  }
  void fill(detail::execute_message& m) {
    address(m);
    choice(m.form, detail::command_form_count);
    const std::uint64_t count = m.form == detail::command_form::text ? 1 : 1 + below(5);
    for (std::uint64_t i = 0; i < count; ++i) m.words.push_back(word(200));
    m.directory = word(30);
    for (std::uint64_t i = below(4); i > 0; --i) {
      std::string name = word(10) + "N";
      std::replace(name.begin(), name.end(), '=', '_');
      m.environment.emplace_back(name, word(30));
    }
    m.flags = static_cast<std::uint8_t>(below(detail::execute_flags_all + 1));
    number(m.output_cap);
    number(m.error_cap);
    number(m.kill_grace_ms);
    number(m.idle_limit_ms);
    number(m.run_limit_ms);
    number(m.rows);
    number(m.columns);
    number(m.rank_shift);
    number(m.count);
    if (m.form == detail::command_form::connection) return make_connection(m);
    if (m.has(detail::execute_flag::talk)) {
      m.talk = run();
      number(m.ranks);
    }
    if (m.form == detail::command_form::text)
      m.more = static_cast<std::uint32_t>(below(detail::order_limit - 200));
  }
  void fill(detail::deliver_message& m) {
    address(m);
    m.from = host();
    some_bytes(m.bytes);
  }
  void fill(detail::accepted_message& m) {
    m.run = run();
    m.hosts = detail::index_ranges(host());
    number(m.receivers);
  }
  void fill(detail::say_message& m) {
    m.run = run();
    m.hosts = detail::index_ranges(host());
    m.to_all = coin();
    if (!m.to_all) m.to_ranks = hosts();
    some_bytes(m.bytes);
  }
  void fill(detail::consumed_message& m) {
    m.run = run();
    m.hosts = detail::index_ranges(host());
    m.bytes = 1 + static_cast<std::uint32_t>(below(100'000));
  }
  void fill(detail::reduce_value& value) {
    choice(value.operation, detail::reduce_operation_count);
    if (!value.is_number()) return;
    choice(value.kind, detail::reduce_kind_count);
    number(value.bits);
  }
  void fill(detail::contribute_message& m) {
    address(m);
    fill(m.value);
    if (m.value.operation < detail::reduce_operation::histogram) return;
    if (m.value.operation == detail::reduce_operation::fold) m.hosts = detail::index_ranges(host());
    some_bytes(m.text);
  }
  void fill(detail::gathered_message& m) {
    address(m);
    fill(m.value);
    number(m.took);
    some_bytes(m.text);
  }
  void fill(detail::part_message& m) {
    address(m);
    some_bytes(m.bytes);
  }
  void fill(detail::input_message& m) {
    address(m);
    m.end = coin();
    some_bytes(m.bytes);
  }
  void fill(detail::signal_message& m) {
    address(m);
    m.number = static_cast<std::uint8_t>(below(65));
  }
  void fill(detail::cancel_message& m) { address(m); }
  void fill(detail::wave_message& m) {
    m.number = run();
    number(m.hold_ms);
  }
  void fill(detail::answers_message& m) {
    m.hosts = hosts();
    m.number = run();
  }
  void fill(detail::file_order_message& m) {
    address(m);
    number(m.content);
    number(m.size);
    m.flags = static_cast<std::uint8_t>(below(detail::file_flags_all + 1U));
    m.facts.mode = static_cast<std::uint32_t>(below(010000));
    number(m.facts.modified);
    number(m.facts.user);
    number(m.facts.group);
    choice(m.form, detail::file_form_count);
    if (m.form == detail::file_form::file)
      m.flags &= static_cast<std::uint8_t>(~static_cast<unsigned>(detail::file_flag::several));
    if (!m.has(detail::file_flag::several)) m.name = "n" + std::to_string(below(1'000));
    m.destination = word(100) + "d";
  }
  void fill(detail::file_part_message& m) {
    number(m.content);
    number(m.offset);
    any_bytes(m.digest);
    some_bytes(m.bytes);
  }
  void fill(detail::file_end_message& m) {
    number(m.content);
    any_bytes(m.digest);
  }
  void fill(detail::file_none_message& m) {
    number(m.content);
    m.text = bytes(detail::reason_limit);
  }
  void fill(detail::file_forget_message& m) { number(m.content); }
  void fill(detail::file_want_message& m) {
    number(m.content);
    m.room = 1 + static_cast<std::uint32_t>(below(1'000'000));
    number(m.offset);
    any_bytes(m.digest);
  }
  void fill(detail::started_message& m) {
    address(m);
    number(m.after_us);
  }
  void fill(detail::output_message& m) {
    m.run = run();
    m.host = host();
    m.stream = coin() ? detail::command_stream::output : detail::command_stream::errors;
    m.offset = random_() >> (1 + below(63));
    some_bytes(m.bytes);
  }
  void fill(detail::folded_message& m) {
    address(m);
    m.stream = coin() ? detail::command_stream::output : detail::command_stream::errors;
    m.offset = below(1'000) * detail::chunk_limit;
    any_bytes(m.digest);
    m.has_bytes = coin();
    if (m.has_bytes) some_bytes(m.bytes);
  }
  void fill(detail::ended_message& m) {
    address(m);
    choice(m.how, detail::command_end_count);
    m.code = 1 + static_cast<std::uint32_t>(below(64));
    m.forced = coin();
    m.whole = coin();
    m.text = bytes(detail::reason_limit);
    m.measures.resize(m.hosts.count());
    for (detail::host_measure& of : m.measures) {
      number(of.elapsed_us);
      number(of.output);
      number(of.errors);
      of.output_dropped = of.output >> below(64);
      of.errors_dropped = of.errors >> below(64);
    }
    // Mostly they are alike.
    for (std::size_t i = 1; i < m.measures.size(); ++i)
      if (coin()) m.measures[i] = m.measures[i - 1];
  }

 private:
  template <class Message>
  void address(Message& m) {
    m.run = run();
    m.hosts = hosts();
  }
  void some_bytes(std::string_view& view) {
    held_ = bytes(300) + "x";
    view = held_;
  }

  std::mt19937_64 random_;
  std::string held_;  // what the last message's views show
};

/// Calls `each(Message{})` for each type of message.
template <class Each>
void for_each_message(Each each) {
  each(detail::hello_message());
  each(detail::welcome_message());
  each(detail::credit_message());
  each(detail::ping_message());
  each(detail::pong_message());
  each(detail::goodbye_message());
  each(detail::connector_message());
  each(detail::image_message());
  each(detail::work_message());
  each(detail::steal_message());
  each(detail::revoke_message());
  each(detail::returned_message());
  each(detail::host_state_message());
  each(detail::sign_ask_message());
  each(detail::sign_answer_message());
  each(detail::certificate_message());
  each(detail::execute_message());
  each(detail::input_message());
  each(detail::signal_message());
  each(detail::part_message());
  each(detail::deliver_message());
  each(detail::accepted_message());
  each(detail::say_message());
  each(detail::consumed_message());
  each(detail::contribute_message());
  each(detail::gathered_message());
  each(detail::cancel_message());
  each(detail::wave_message());
  each(detail::answers_message());
  each(detail::file_order_message());
  each(detail::file_part_message());
  each(detail::file_end_message());
  each(detail::file_none_message());
  each(detail::file_forget_message());
  each(detail::file_want_message());
  each(detail::started_message());
  each(detail::output_message());
  each(detail::folded_message());
  each(detail::ended_message());
}

}  // namespace execo::test
