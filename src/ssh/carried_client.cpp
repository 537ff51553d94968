#include "ssh/carried_client.hpp"

#include <errno.h>

#include <utility>

namespace execo::detail {

void carried_client::await(short events) {
  ready_.prepare_poll(socket_.get(), events);
  of_.home().start(ready_);
}

void carried_client::on_ready(int result) {
  if (stage_ == stage::closing) return finish();
  if (result != -ECANCELED) socket_ready(result);
}

void carried_client::carry() {
  stage_ = stage::carried;
  of_.note_opened();
  forward_->pump(std::move(socket_), &of_.traffic());
}

void carried_client::close() {
  if (stage_ == stage::closing) return;
  stage_ = stage::closing;
  of_.home().disarm(limit_);
  stop_asking();
  if (forward_ != nullptr) return forward_->close();
  finish();
}

void carried_client::forward_closed() {
  forward_ = nullptr;
  finish();
}

void carried_client::finish() {
  if (!ready_.active) return of_.client_gone(*this);
  if (!ready_.cancelling) of_.home().cancel(ready_);
}

}  // namespace execo::detail
