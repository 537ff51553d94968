// What a server may do wrong, one kind a line or two. Each leads the connection to a stage in the
// right way and then leaves it.
#include <string>

#include "hostile_server.hpp"
#include "random_bytes.hpp"

namespace execo::test {
namespace {

using stage = hostile_stage;
using wire = hostile_wire;
using reply = hostile_wire::reply;

constexpr std::string_view banner = "SSH-2.0-OpenSSH_9.2\r\n";

std::string noise(std::size_t size) { return random_bytes(7).take(size); }

payload goodbye(std::string_view words) {
  return payload(msg_disconnect).u32(2).text(words).text("");
}

payload failed_login(std::string_view methods, bool partly) {
  return payload(msg_userauth_failure).text(methods).u8(partly ? 1 : 0);
}

payload signal_end(const wire& w, std::string_view name) {
  return w.request("exit-signal").text(name).u8(0).text("\x1b[2Jwords").text("");
}

void after_banner(wire& w, std::string_view bytes) {
  w.send_raw(banner);
  w.send_raw(bytes);
}

void after_offers(wire& w) {
  w.exchange_banners();
  w.exchange_offers();
}

void after_reply(wire& w, reply how) {
  after_offers(w);
  w.exchange_keys(how, false);
  w.send(payload(msg_newkeys));
  w.wait();
}

const hostile_kind kinds[] = {
    // Banner.
    {"close_at_once", stage::banner, [](wire& w) { w.close(); }},
    {"reset_at_once", stage::banner, [](wire& w) { w.reset(); }},
    {"silent", stage::banner, [](wire& w) { w.wait(); }},
    {"half_closed_at_once", stage::banner,
     [](wire& w) {
       w.shut_down_sending();
       w.wait();
     }},
    {"noise", stage::banner,
     [](wire& w) {
       w.send_raw(noise(64 * 1024));
       w.wait();
     }},
    {"noise_flood", stage::banner, [](wire& w) { w.flood(noise(64 * 1024)); }},
    {"zeros", stage::banner, [](wire& w) { w.flood(std::string(64 * 1024, '\0')); }},
    {"endless_line", stage::banner, [](wire& w) { w.flood(std::string(64 * 1024, 'A')); }},
    {"endless_lines", stage::banner,
     [](wire& w) {
       std::string lines;
       for (int i = 0; i < 4096; ++i) lines += "welcome\r\n";
       w.flood(lines);
     }},
    {"endless_empty_lines", stage::banner, [](wire& w) { w.flood(std::string(64 * 1024, '\n')); }},
    {"banner_of_100k", stage::banner,
     [](wire& w) {
       w.send_raw("SSH-2.0-" + std::string(100'000, 'x') + "\r\n");
       w.wait();
     }},
    {"ssh_1", stage::banner,
     [](wire& w) {
       w.send_raw("SSH-1.5-old\r\n");
       w.wait();
     }},
    {"http", stage::banner,
     [](wire& w) {
       w.send_raw("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
       w.close();
     }},
    {"drips_its_banner", stage::banner, [](wire& w) { w.drip(std::string(10'000, 'S')); }},
    {"banner_with_nul", stage::banner,
     [](wire& w) {
       w.send_raw(std::string_view("SSH-2.0-\0\0x\r\n", 13));
       w.wait();
     }},
    {"banner_with_escapes", stage::banner,
     [](wire& w) {
       w.send_raw("SSH-2.0-\x1b[2J\xc2\x9b\r\n");
       w.close();
     }},
    {"too_many_startups", stage::banner,
     [](wire& w) {
       w.send_raw("Exceeded MaxStartups\r\n");
       w.close();
     }},
    // Key exchange.
    {"banner_then_close", stage::kex,
     [](wire& w) {
       w.send_raw(banner);
       w.close();
     }},
    {"banner_then_reset", stage::kex,
     [](wire& w) {
       w.send_raw(banner);
       w.reset();
     }},
    {"banner_then_silence", stage::kex,
     [](wire& w) {
       w.send_raw(banner);
       w.wait();
     }},
    {"banner_then_half_close", stage::kex,
     [](wire& w) {
       w.send_raw(banner);
       w.shut_down_sending();
       w.wait();
     }},
    {"banner_again_and_again", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.flood(banner);
     }},
    {"packet_of_4g", stage::kex,
     [](wire& w) {
       after_banner(w, "\xff\xff\xff\xff");
       w.flood(noise(4096));
     }},
    {"packet_of_0", stage::kex,
     [](wire& w) {
       after_banner(w, std::string(64, '\0'));
       w.wait();
     }},
    {"packet_of_256k_that_stalls", stage::kex,
     [](wire& w) {
       after_banner(w, std::string_view("\x00\x03\xff\xf0\x04", 5));
       w.send_raw(std::string(1000, 'x'));
       w.wait();
     }},
    {"more_padding_than_packet", stage::kex,
     [](wire& w) {
       after_banner(w, std::string_view("\x00\x00\x00\x0c\xff\x14", 6));
       w.send_raw(std::string(64, '\0'));
       w.wait();
     }},
    {"noise_after_banner", stage::kex,
     [](wire& w) {
       after_banner(w, noise(10'000));
       w.wait();
     }},
    {"no_key_exchange_in_common", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(wire::key_exchange_offer("nope\x1b[2J", "none"));
       w.wait();
     }},
    {"offer_cut_short", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(payload(msg_kexinit).raw(std::string(16, 'c')).u32(1000).raw("curve"));
       w.wait();
     }},
    {"offer_of_200k", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(wire::key_exchange_offer(std::string(200'000, 'k'), "none"));
       w.wait();
     }},
    {"offer_again_and_again", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.flood(wire::key_exchange_offer("curve25519-sha256", "none"));
     }},
    {"offers_only_compression", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(wire::key_exchange_offer("curve25519-sha256", "zlib-odd"));
       w.wait();
     }},
    {"offers_only_zlib", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(wire::key_exchange_offer("curve25519-sha256", "zlib"));
       w.wait();
     }},
    {"new_keys_first", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(payload(msg_newkeys));
       w.wait();
     }},
    {"success_of_login_first", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(payload(msg_userauth_success));
       w.wait();
     }},
    {"goodbye_in_kex", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(goodbye("Too many users\x1b[2J\xc2\x9b"));
       w.close();
     }},
    {"goodbye_cut_short", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.send(payload(msg_disconnect).u32(2).u32(0x7fffffff).raw("x"));
       w.wait();
     }},
    {"drips_its_offer", stage::kex,
     [](wire& w) {
       w.exchange_banners();
       w.drip(w.sealed(wire::key_exchange_offer("curve25519-sha256", "none").bytes()));
     }},
    {"offer_then_silence", stage::kex,
     [](wire& w) {
       after_offers(w);
       w.wait();
     }},
    {"offer_then_close", stage::kex,
     [](wire& w) {
       after_offers(w);
       w.close();
     }},
    {"ignore_flood_in_kex", stage::kex,
     [](wire& w) {
       after_offers(w);
       w.flood(payload(msg_ignore).text(std::string(1000, 'i')));
     }},
    {"debug_flood_in_kex", stage::kex,
     [](wire& w) {
       after_offers(w);
       w.flood(payload(msg_debug).u8(1).text("\x1b[2J").text(""));
     }},
    {"wrong_signature", stage::kex, [](wire& w) { after_reply(w, reply::wrong_signature); }},
    {"no_signature", stage::kex, [](wire& w) { after_reply(w, reply::no_signature); }},
    {"host_key_of_200k", stage::kex, [](wire& w) { after_reply(w, reply::huge_key); }},
    {"host_key_of_odd_type", stage::kex, [](wire& w) { after_reply(w, reply::wrong_key_type); }},
    {"point_of_zeros", stage::kex, [](wire& w) { after_reply(w, reply::zero_point); }},
    {"point_too_short", stage::kex, [](wire& w) { after_reply(w, reply::short_point); }},
    {"reply_cut_short", stage::kex,
     [](wire& w) {
       after_offers(w);
       (void)w.receive(msg_ecdh_init);
       w.send(payload(msg_ecdh_reply).u32(0xffffffff).raw("x"));
       w.wait();
     }},
    {"signature_cut_short", stage::kex, [](wire& w) { after_reply(w, reply::short_signature); }},
    {"no_new_keys", stage::kex,
     [](wire& w) {
       after_offers(w);
       w.exchange_keys(reply::right, false);
       w.wait();
     }},
    // Authentication.
    {"no_service", stage::auth,
     [](wire& w) {
       after_offers(w);
       w.exchange_keys();
       w.wait();
     }},
    {"close_at_service", stage::auth,
     [](wire& w) {
       after_offers(w);
       w.exchange_keys();
       (void)w.receive(msg_service_request);
       w.close();
     }},
    {"noise_in_place_of_packets", stage::auth,
     [](wire& w) {
       after_offers(w);
       w.exchange_keys();
       w.flood(noise(4096));
     }},
    {"login_not_asked_for", stage::auth,
     [](wire& w) {
       after_offers(w);
       w.exchange_keys();
       w.send(payload(msg_userauth_success));
       w.wait();
     }},
    {"goodbye_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       (void)w.receive(msg_userauth_request);
       w.send(goodbye("Too many authentication failures"));
       w.close();
     }},
    {"close_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       (void)w.receive(msg_userauth_request);
       w.close();
     }},
    {"reset_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       (void)w.receive(msg_userauth_request);
       w.reset();
     }},
    {"silence_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.wait();
     }},
    {"banner_flood_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(payload(msg_userauth_banner).text(std::string(20'000, 'b')).text(""));
     }},
    {"refuses_without_end", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(failed_login("publickey", false));
     }},
    {"wants_more_without_end", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(failed_login("publickey", true));
     }},
    {"refuses_and_offers_nothing", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.send(failed_login("", false));
       w.wait();
     }},
    {"refuses_with_200k_of_methods", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.send(failed_login(std::string(200'000, ','), false));
       w.wait();
     }},
    {"takes_keys_without_end", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(payload(msg_userauth_pk_ok).text("ssh-ed25519").text("x"));
     }},
    {"takes_a_key_cut_short", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.send(payload(msg_userauth_pk_ok).u32(0xffffffff).raw("x"));
       w.wait();
     }},
    {"extensions_without_end", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(payload(msg_ext_info).u32(0xffffffff).text("server-sig-algs").text("none"));
     }},
    {"unknown_message_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.flood(payload(255).text("x"));
     }},
    {"broken_packet_in_auth", stage::auth,
     [](wire& w) {
       w.reach_auth();
       w.send_broken(failed_login("publickey", false));
       w.wait();
     }},
    // Opening the channel.
    {"no_channel_with_escapes", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(w.to_channel(msg_channel_failure_to_open).u32(1).text("no\x1b[2J\xc2\x9b").text(""));
       w.wait();
     }},
    {"never_opens", stage::open,
     [](wire& w) {
       w.reach_open();
       w.wait();
     }},
    {"close_at_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.close();
     }},
    {"reset_at_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.reset();
     }},
    {"goodbye_at_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.send(goodbye("No more sessions"));
       w.close();
     }},
    {"packets_of_0", stage::open,
     [](wire& w) {
       w.reach_open();
       w.open_channel(1U << 20, 0);
       w.wait();
     }},
    {"packets_of_1", stage::open,
     [](wire& w) {
       w.reach_open();
       w.open_channel(1U << 20, 1);
       w.wait();
     }},
    {"packets_and_window_of_4g", stage::open,
     [](wire& w) {
       w.reach_open();
       w.open_channel(0xffffffff, 0xffffffff);
       w.wait();
     }},
    {"window_of_0", stage::open,
     [](wire& w) {
       w.reach_open();
       w.open_channel(0);
       w.wait();
     }},
    {"confirms_another_channel", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(payload(msg_channel_confirm).u32(4711).u32(7).u32(1U << 20).u32(32768));
       w.wait();
     }},
    {"confirms_without_end", stage::open,
     [](wire& w) {
       w.reach_exec();
       w.flood(w.to_channel(msg_channel_confirm).u32(7).u32(1U << 20).u32(32768));
     }},
    {"confirmation_cut_short", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(payload(msg_channel_confirm).u8(0));
       w.wait();
     }},
    {"status_before_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(w.exit_status(0));
       w.send(w.to_channel(msg_channel_eof));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"signal_before_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(signal_end(w, "TERM"));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"close_before_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"everything_before_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(w.data("early"));
       w.send(w.exit_status(0));
       w.send(w.to_channel(msg_channel_eof));
       w.send(w.to_channel(msg_channel_close));
       w.send(w.to_channel(msg_channel_confirm).u32(7).u32(1U << 20).u32(32768));
       w.send(w.to_channel(msg_channel_success));
       w.wait();
     }},
    {"data_before_open", stage::open,
     [](wire& w) {
       w.reach_open();
       w.await_channel();
       w.send(w.data("early"));
       w.wait();
     }},
    // The request to run a command.
    {"refuses_to_run", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(w.to_channel(msg_channel_failure));
       w.wait();
     }},
    {"never_answers", stage::exec,
     [](wire& w) {
       w.reach_exec();
       w.wait();
     }},
    {"closes_in_place_of_an_answer", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"ends_output_in_place_of_an_answer", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(w.to_channel(msg_channel_eof));
       w.wait();
     }},
    {"reset_at_exec", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.reset();
     }},
    {"goodbye_at_exec", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(goodbye("\xff\x9b not today"));
       w.close();
     }},
    {"status_in_place_of_an_answer", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(w.data("early"));
       w.send(w.exit_status(0));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"signal_in_place_of_an_answer", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(signal_end(w, "TERM"));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"refuses_the_channel_that_is_open", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(w.to_channel(msg_channel_failure_to_open).u32(2).text("late").text(""));
       w.wait();
     }},
    {"answers_another_channel", stage::exec,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       w.send(payload(msg_channel_success).u32(4711));
       w.wait();
     }},
    // The command runs.
    {"close_without_status", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"status_twice", stage::run,
     [](wire& w) {
       w.reach_exec();
       (void)w.receive(msg_channel_request);
       // In one piece, so that the client sees both before it sees the answer.
       std::string answer = w.sealed(w.to_channel(msg_channel_success).bytes());
       answer += w.sealed(w.exit_status(3).bytes());
       answer += w.sealed(w.exit_status(0).bytes());
       w.send_raw(answer);
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     },
     true},
    {"status_cut_short", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.request("exit-status"));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     },
     true},
    {"status_of_ffffffff", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.exit_status(0xffffffff));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     },
     true},
    {"signal_with_escapes", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(signal_end(w, "\x1b[2J\xc2\x9b"));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"signal_of_100k", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(signal_end(w, std::string(100'000, 'S')));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"signal_minus_1", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(signal_end(w, "SIG-1"));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     }},
    {"data_after_eof", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.to_channel(msg_channel_eof));
       w.flood(w.data(std::string(1000, 'd')));
     }},
    {"data_after_close", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.to_channel(msg_channel_close));
       w.flood(w.data(std::string(1000, 'd')));
     }},
    {"data_longer_than_its_packet", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.to_channel(msg_channel_data).u32(1000).raw("short"));
       w.send(w.exit_status(0));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     },
     true},
    {"data_without_a_length", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.to_channel(msg_channel_data));
       w.send(w.to_channel(msg_channel_extended).u32(1));
       w.send(payload(msg_channel_data));
       w.wait();
     }},
    {"data_of_ffffffff", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_data).u32(0xffffffff).raw(std::string(1000, 'd')));
     }},
    {"errors_of_another_kind", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_extended).u32(2).text(std::string(1000, 'e')));
     }},
    {"data_for_another_channel", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_channel_data).u32(4711).text("x"));
     }},
    {"data_beyond_the_window", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.data(std::string(30'000, 'd')));
     }},
    {"packets_of_250k", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.data(std::string(250'000, 'd')));
     }},
    {"errors_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_extended).u32(1).text(std::string(30'000, 'e')));
     }},
    {"window_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_window_adjust).u32(0xffffffff));
     }},
    {"window_cut_short", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_window_adjust));
     }},
    {"statuses_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.exit_status(0));
     },
     true},
    {"ends_output_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_eof));
     }},
    {"closes_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_close));
     }},
    {"answers_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.to_channel(msg_channel_success));
     }},
    {"answers_to_nothing_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_request_success));
     }},
    {"debug_messages_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_debug).u8(1).text("\x1b[2J").text(""));
     }},
    {"channel_requests_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(w.request("keepalive@openssh.com", true));
     }},
    {"global_requests_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_global_request).text("keepalive@openssh.com").u8(1));
     }},
    {"opens_channels_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_channel_open).text("x11").u32(9).u32(1000).u32(1000).text("h").u32(1));
     }},
    {"ignored_messages_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_ignore).text(std::string(1000, 'i')));
     }},
    {"unimplemented_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(msg_unimplemented).u32(1));
     }},
    {"new_offer_then_silence", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(wire::key_exchange_offer("curve25519-sha256", "none"));
       w.wait();
     }},
    {"new_offers_without_end", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(wire::key_exchange_offer("curve25519-sha256", "none"));
     }},
    {"data_amid_new_keys", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(wire::key_exchange_offer("curve25519-sha256", "none"));
       w.flood(w.data("d"));
     }},
    {"refuses_login_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(failed_login("publickey", false));
     }},
    {"unknown_message_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.flood(payload(192).text("x"));
     }},
    {"new_keys_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(payload(msg_newkeys));
       w.wait();
     }},
    {"login_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(payload(msg_userauth_success));
       w.wait();
     }},
    {"broken_packet_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send_broken(w.data("x"));
       w.wait();
     }},
    {"empty_packets", stage::run,
     [](wire& w) {
       w.reach_run();
       for (;;) w.send_raw(w.sealed(""));
     }},
    {"reset_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.reset();
     }},
    {"closed_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.close();
     }},
    {"half_closed_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.shut_down_sending();
       w.wait();
     }},
    {"goodbye_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(goodbye("going down\x1b[2J\xe2\x80\xa8"));
       w.close();
     }},
    {"silence_while_it_runs", stage::run,
     [](wire& w) {
       w.reach_run();
       w.wait();
     }},
    {"reads_nothing_more", stage::run,
     [](wire& w) {
       w.reach_run();
       w.sleep();
     }},
    {"status_then_a_flood", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.exit_status(0));
       w.flood(w.data(std::string(30'000, 'd')));
     },
     true},
    {"status_then_a_drip", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.exit_status(0));
       for (;;) {
         w.send(w.data("d"));
         w.pause(50);
       }
     },
     true},
    // As OpenSSH on a busy machine, which reads two questions before it reads the pipe.
    {"answers_twice_before_the_rest", stage::run,
     [](wire& w) {
       w.reach_run();
       w.send(w.data("first, "));
       w.send(w.exit_status(0));
       for (int answers = 0; answers < 2; ++answers) {
         (void)w.receive(msg_global_request);
         w.pause(20);
         w.send(payload(msg_request_failure));
       }
       (void)w.receive(msg_global_request);
       w.send(w.data("last"));
       w.send(w.to_channel(msg_channel_eof));
       w.send(w.to_channel(msg_channel_close));
       w.wait();
     },
     true},
};

}  // namespace

std::span<const hostile_kind> hostile_kinds() { return kinds; }

}  // namespace execo::test
