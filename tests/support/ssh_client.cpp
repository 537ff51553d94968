#include "ssh_client.hpp"

#include <libssh/server.h>

#include <stdexcept>

#include "fleet_fixture.hpp"

namespace execo::test {

namespace {

constexpr long seconds_per_call = 30;

[[noreturn]] void fail(ssh_session session, const std::string& what) {
  throw std::runtime_error(what + ": " + ssh_get_error(session));
}

}  // namespace

void ssh_client::session_deleter::operator()(ssh_session s) const noexcept {
  ssh_disconnect(s);
  ssh_free(s);
}

ssh_client::ssh_client(const fleet_fixture& fleet, const std::string& host) : session_(ssh_new()) {
  ssh_session s = session_.get();
  bool no = false;
  int port = fleet.port(), yes = 1;
  long limit = seconds_per_call;
  ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(s, SSH_OPTIONS_NODELAY, &yes);
  ssh_options_set(s, SSH_OPTIONS_HOST, host.c_str());
  ssh_options_set(s, SSH_OPTIONS_PORT, &port);
  ssh_options_set(s, SSH_OPTIONS_USER, "someone");
  ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &limit);
  ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, fleet.known_hosts().c_str());
  if (ssh_connect(s) != SSH_OK) fail(s, "connect");
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(fleet.identity().c_str(), nullptr, nullptr, nullptr, &key) != 0)
    fail(s, "key");
  int answer = ssh_userauth_publickey(s, nullptr, key);
  ssh_key_free(key);
  if (answer != SSH_AUTH_SUCCESS) fail(s, "login");
}

remote_outcome ssh_client::run(const std::string& command, std::string_view input) {
  ssh_command c(*this, command);
  c.write(input);
  c.close_input();
  return c.finish();
}

ssh_command::ssh_command(ssh_client& client, const std::string& command)
    : client_(client), channel_(ssh_channel_new(client.session())) {
  callbacks_.userdata = &outcome_;
  callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* data, uint32_t size,
                                        int is_stderr, void* self) -> int {
    auto& o = *static_cast<remote_outcome*>(self);
    (is_stderr != 0 ? o.err : o.out).append(static_cast<char*>(data), size);
    return static_cast<int>(size);
  };
  callbacks_.channel_close_function = [](ssh_session, ssh_channel, void* self) {
    static_cast<remote_outcome*>(self)->closed = true;
  };
  callbacks_.channel_exit_status_function = [](ssh_session, ssh_channel, int code, void* self) {
    static_cast<remote_outcome*>(self)->code = code;
  };
  callbacks_.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int,
                                               const char*, const char*, void* self) {
    static_cast<remote_outcome*>(self)->signal = name;
  };
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
  bool open = ssh_channel_open_session(channel_) == SSH_OK;
  if (open && ssh_channel_request_exec(channel_, command.c_str()) == SSH_OK) return;
  std::string why = ssh_get_error(client.session());
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
  throw std::runtime_error("exec: " + why);
}

ssh_command::~ssh_command() {
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

void ssh_command::write(std::string_view input) {
  while (!input.empty()) {
    int n = ssh_channel_write(channel_, input.data(), static_cast<uint32_t>(input.size()));
    if (n <= 0) return;  // the command has ended: nobody reads it
    input.remove_prefix(static_cast<std::size_t>(n));
  }
}

void ssh_command::close_input() { ssh_channel_send_eof(channel_); }

void ssh_command::signal(const std::string& name) {
  if (ssh_channel_request_send_signal(channel_, name.c_str()) != SSH_OK)
    fail(client_.session(), "signal " + name);
}

/// Waits for more; false when no more can come.
bool ssh_command::turn() {
  if (outcome_.closed || ssh_is_connected(client_.session()) == 0) return false;
  ssh_event event = ssh_event_new();
  ssh_event_add_session(event, client_.session());
  int rc = ssh_event_dopoll(event, static_cast<int>(seconds_per_call) * 1000);
  ssh_event_remove_session(event, client_.session());
  ssh_event_free(event);
  return rc == SSH_OK;
}

bool ssh_command::out_has(std::string_view text) {
  while (outcome_.out.find(text) == std::string::npos)
    if (!turn()) return false;
  return true;
}

remote_outcome ssh_command::finish() {
  while (turn()) {
  }
  return outcome_;
}

}  // namespace execo::test
