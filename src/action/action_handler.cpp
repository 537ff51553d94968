#include "execo/action_handler.hpp"

#include <utility>

namespace execo {

action_handler::~action_handler() = default;
void action_handler::on_start(const started_action&) {}
void action_handler::on_end(const ended_action&) {}

namespace {

class action_start_handler final : public action_handler {
 public:
  explicit action_start_handler(std::function<void(const started_action&)> call)
      : call_(std::move(call)) {}
  void on_start(const started_action& action) override { call_(action); }

 private:
  std::function<void(const started_action&)> call_;
};

class action_end_handler final : public action_handler {
 public:
  explicit action_end_handler(std::function<void(const ended_action&)> call)
      : call_(std::move(call)) {}
  void on_end(const ended_action& action) override { call_(action); }

 private:
  std::function<void(const ended_action&)> call_;
};

}  // namespace

std::shared_ptr<action_handler> on_action_start_call(
    std::function<void(const started_action&)> call) {
  return std::make_shared<action_start_handler>(std::move(call));
}

std::shared_ptr<action_handler> on_action_end_call(std::function<void(const ended_action&)> call) {
  return std::make_shared<action_end_handler>(std::move(call));
}

}  // namespace execo
