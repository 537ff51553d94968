#include "agent/part_offer.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/hex.hpp"
#include "wire/blake2b.hpp"

namespace execo::agent {
namespace {

// One that does not answer is not waited for: the part comes once more.
constexpr timeval answer_limit{1, 0};

class part_address {
 public:
  explicit part_address(const part_place& at) noexcept {
    const std::string name = "execo-" + detail::hex_of(at.name());
    address_.sun_family = AF_UNIX;
    // A zero byte in front: the name is in no directory.
    name.copy(address_.sun_path + 1, sizeof address_.sun_path - 1);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const noexcept { return size_; }

 private:
  sockaddr_un address_{};
  socklen_t size_ = 0;
};

unique_fd part_socket(int flags) {
  return unique_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

bool is_own_user(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

/// A message of one byte, and room for a descriptor beside it.
class descriptor_message {
 public:
  descriptor_message() noexcept {
    whole_.msg_iov = &part_;
    whole_.msg_iovlen = 1;
    whole_.msg_control = room_.data();
    whole_.msg_controllen = room_.size();
  }
  descriptor_message(const descriptor_message&) = delete;
  descriptor_message& operator=(const descriptor_message&) = delete;

  bool send(int socket, int descriptor) noexcept {
    cmsghdr* first = CMSG_FIRSTHDR(&whole_);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(first), &descriptor, sizeof descriptor);
    return ::sendmsg(socket, &whole_, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
  }
  unique_fd receive(int socket) noexcept {
    if (::recvmsg(socket, &whole_, MSG_CMSG_CLOEXEC) != 1) return {};
    const cmsghdr* first = CMSG_FIRSTHDR(&whole_);
    if (first == nullptr || first->cmsg_level != SOL_SOCKET || first->cmsg_type != SCM_RIGHTS)
      return {};
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(first), sizeof descriptor);
    return unique_fd(descriptor);
  }

 private:
  char byte_ = 0;
  iovec part_{&byte_, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room_{};
  msghdr whole_{};
};

}  // namespace

part_place::part_place(const detail::bytes16& tree_secret, std::uint32_t host,
                       std::uint32_t content) noexcept {
  std::string all(tree_secret.data(), tree_secret.size());
  detail::wire_writer numbers(all);
  numbers.u32(host);
  numbers.u32(content);
  name_ = detail::blake2b128(all);
}

bool part_offer::begin(const part_place& at, int file) {
  const part_address address(at);
  socket_ = part_socket(SOCK_NONBLOCK);
  if (!socket_ || ::bind(socket_.get(), address.get(), address.size()) != 0 ||
      ::listen(socket_.get(), 1) != 0 || !loop_.look(asked_, socket_.get(), EPOLLIN)) {
    socket_.reset();
    return false;
  }
  file_ = file;
  state_ = offer_state::offered;
  return true;
}

void part_offer::on_asked(std::uint32_t) {
  const unique_fd other(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!other || !is_own_user(other.get())) return;
  descriptor_message message;
  if (!message.send(other.get(), file_)) return;
  loop_.forget(asked_);
  socket_.reset();
  state_ = offer_state::over;
}

unique_fd take_offered(const part_place& at) {
  const part_address address(at);
  const unique_fd socket = part_socket(0);
  for (int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    (void)::setsockopt(socket.get(), SOL_SOCKET, option, &answer_limit, sizeof answer_limit);
  if (::connect(socket.get(), address.get(), address.size()) != 0 || !is_own_user(socket.get()))
    return {};
  descriptor_message message;
  return message.receive(socket.get());
}

}  // namespace execo::agent
