// A copy that fails before its host is reached.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "process/execution.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {

class failed_execution final : public execution {
 public:
  failed_execution(std::string name, copy_failure why) {
    result_access::name(result_) = std::move(name);
    set_transfer_failed(result_, std::move(why));
  }

  void start() override {
    result_access::started(result_) = std::chrono::system_clock::now();
    is_over_ = true;
    intrusive_ptr<failed_execution> alive(this);
    notify_observers();
  }
  void cancel(int) noexcept override {}
  void kill(int) noexcept override {}
  void pause(stream, bool) override {}
  result take_result() noexcept override { return std::move(result_); }
  pid_t pid() const noexcept override { return 0; }
  bool ended() const noexcept override { return is_over_; }
  const result& result_so_far() const noexcept override { return result_; }

 private:
  result result_;
  bool is_over_ = false;
};

}  // namespace execo::detail
