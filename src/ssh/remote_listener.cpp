#include "ssh/remote_listener.hpp"

#include "base/contain.hpp"

namespace execo::detail {
namespace {

// Below it is what libssh takes for a port when another packet came with the answer: the length of
// a word. No server chooses such a port.
constexpr int lowest_chosen_port = 1024;
constexpr int highest_port = 65535;

}  // namespace

remote_listener::remote_listener(remote_session& on, const forward_endpoint& at,
                                 remote_listener_owner& owner)
    : session_(on),
      owner_(owner),
      address_(at.host() == "*" ? "" : at.host()),
      shown_(at.to_string()),
      wanted_port_(at.port()) {
  ssh_set_message_callback(
      session_.handle(),
      [](ssh_session, ssh_message message, void* self) noexcept -> int {
        return static_cast<remote_listener*>(self)->take(message);
      },
      this);
  session_.hold_questions(true);
  session_.attach(*this);
}

void remote_listener::stop() noexcept {
  if (stage_ == stage::over) return;
  if (stage_ == stage::asking) session_.hold_questions(false);
  stage_ = stage::over;
  ssh_set_message_callback(session_.handle(), nullptr, nullptr);
  session_.detach(*this);
}

session_member::need remote_listener::advance() {
  if (stage_ == stage::listening) return need::event;
  int chosen = 0;
  int r = ssh_channel_listen_forward(session_.handle(), address_.c_str(), wanted_port_,
                                     wanted_port_ == 0 ? &chosen : nullptr);
  if (r == SSH_AGAIN) return need::event;
  if (session_.lost()) return need::touch;
  session_.hold_questions(false);
  stage_ = stage::listening;
  if (r != SSH_OK) {
    refuse("the server does not listen on " + shown_ +
           ": the port is taken there, or its AllowTcpForwarding or PermitListen forbids it");
  } else if (wanted_port_ == 0 && (chosen < lowest_chosen_port || chosen > highest_port)) {
    refuse("the server listens on a port that could not be read");
  } else {
    owner_.remote_listens(wanted_port_ == 0 ? chosen : wanted_port_);
  }
  return stage_ == stage::listening ? need::event : need::touch;
}

void remote_listener::refuse(std::string why) {
  stop();
  owner_.remote_refused(std::move(why));
}

void remote_listener::broke(const std::exception_ptr& error) {
  contain([&] { refuse(error_of(error).message()); }, [](const std::exception_ptr&) {});
}

// 1: libssh refuses what the server wants.
int remote_listener::take(ssh_message_struct* message) noexcept {
  bool is_ours = ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN &&
                 ssh_message_subtype(message) == SSH_CHANNEL_FORWARDED_TCPIP;
  if (!is_ours || !owner_.admits_remote_client()) return 1;
  ssh_channel channel = ssh_message_channel_request_open_reply_accept(message);
  if (channel == nullptr) return 0;
  contain([&] { owner_.take_remote_client(channel); },
          [&](const std::exception_ptr&) { (void)ssh_channel_close(channel); });
  return 0;
}

}  // namespace execo::detail
