#include "agent/bootstrap_talk.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "base/hex.hpp"

namespace execo::agent {

using detail::stage1_state;

bootstrap_talk::bootstrap_talk(reactor& on, bootstrap_owner& owner, int fd, std::string_view nonce,
                               std::string_view folder)
    : loop_(on),
      owner_(owner),
      fd_(fd),
      seen_(delegate<std::uint32_t>::to<&bootstrap_talk::on_ready>(this)),
      reader_(nonce) {
  // The send buffer of a new socket has room for a line. If the peer is gone, read() reports it.
  const std::string opening = detail::stage1_opening(nonce, folder);
  (void)::send(fd_, opening.data(), opening.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)loop_.look(seen_, fd_, EPOLLIN);
}

bootstrap_talk::~bootstrap_talk() { loop_.forget(seen_); }

void bootstrap_talk::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) write();
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read();
}

void bootstrap_talk::drain() {
  constexpr int max_reads = 32;
  for (int i = 0; i < max_reads && reader_.state() != stage1_state::started &&
                  reader_.state() != stage1_state::failed;
       ++i)
    read();
}

void bootstrap_talk::read() {
  std::array<char, 4096> buffer;
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  std::span<const char> bytes(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  stage1_state state = got > 0 ? reader_.feed(bytes) : reader_.end();
  if (state == stage1_state::answered && program_ == nullptr) {
    answer();
    if (program_ == nullptr) return;
    // A host may say at once why it cannot.
    state = reader_.feed(bytes);
  }
  if (state == stage1_state::started) {
    loop_.forget(seen_);
    owner_.on_agent_started(std::string_view(bytes.data(), bytes.size()));
  } else if (state == stage1_state::failed) {
    std::string why(words_of(reader_.fault()));
    if (!reader_.fault_text().empty()) why.append(": ").append(reader_.fault_text());
    fail(why);
  }
}

void bootstrap_talk::answer() {
  program_ = owner_.program_for(reader_.answer().arch);
  if (program_ == nullptr) {
    std::string why("there is no agent for ");
    return fail(why.append(name_of(reader_.answer().arch)));
  }
  const std::string hash = detail::hex_of(program_->sha256);
  header_ = stage1_header(detail::image_form::plain, program_->size,
                          detail::image_identity(program_->size, hash));
  reader_.sending();
  write();
}

void bootstrap_talk::write() {
  if (program_ == nullptr) return;
  const std::size_t all = header_.size() + program_->size;
  while (sent_ < all) {
    std::string_view left = sent_ < header_.size()
                                ? std::string_view(header_).substr(sent_)
                                : std::string_view(program_->bytes).substr(sent_ - header_.size());
    const ssize_t put = ::send(fd_, left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) sent_ += static_cast<std::size_t>(put);
    // What the host has said of it is still to be read.
    if (put < 0 && errno != EINTR) break;
  }
  const std::uint32_t writing = sent_ < all && errno == EAGAIN ? EPOLLOUT : 0U;
  (void)loop_.look(seen_, fd_, EPOLLIN | writing);
}

void bootstrap_talk::fail(const std::string& why) {
  loop_.forget(seen_);
  owner_.on_no_agent(why);
}

}  // namespace execo::agent
