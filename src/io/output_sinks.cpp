#include "io/output_sinks.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

void output_sinks::add(const sink_spec& spec, int inherited, loop& on, output_file_owner& owner) {
  if (!all_) all_ = std::make_unique<parts>();
  auto new_file = [&]() -> output_file& {
    all_->files.push_back(std::make_unique<output_file>(on, owner));
    return *all_->files.back();
  };
  switch (spec.what) {
    case sink_spec::kind::inherit:
      return new_file().use(lent_fd{inherited, inherited});
    case sink_spec::kind::fd:
      return new_file().use(spec.fd);
    case sink_spec::kind::null:
      return new_file().use(file_path{"/dev/null", {}, {}}, file_target::mode::replace);
    case sink_spec::kind::file:
      return new_file().use(spec.path, file_target::mode::replace);
    case sink_spec::kind::kept_file:
      return new_file().use(spec.path, file_target::mode::keep);
    case sink_spec::kind::append:
      return new_file().use(spec.path, file_target::mode::append);
    case sink_spec::kind::callback:
      all_->handlers.push_back(&spec.handler);
      return;
    case sink_spec::kind::lines:
      all_->lines.push_back(std::make_unique<line_sink>());
      all_->lines.back()->call = &spec.handler;
      return;
    case sink_spec::kind::capture:
    case sink_spec::kind::pipe:
    case sink_spec::kind::tee:
    case sink_spec::kind::merged:
      break;
  }
  assert(false);
}

std::span<const std::unique_ptr<output_file>> output_sinks::files() const noexcept {
  return all_ ? std::span<const std::unique_ptr<output_file>>(all_->files)
              : std::span<const std::unique_ptr<output_file>>();
}

output_file* output_sinks::sole_file() noexcept {
  return files().size() == 1 && !has_handlers() ? files().front().get() : nullptr;
}

std::error_code output_sinks::open(std::string& context) {
  for (const auto& file : files()) {
    std::error_code why = file->open();
    if (!why) continue;
    context = "open " + file->name();
    return why;
  }
  return {};
}

bool output_sinks::take(std::span<const char> bytes) {
  bool all = true;
  for (const auto& file : files()) all &= file->take(bytes);
  return all;
}

bool output_sinks::full() const noexcept {
  return std::ranges::any_of(files(), [](const auto& file) { return file->full(); });
}

bool output_sinks::flushed() const noexcept {
  return std::ranges::all_of(files(), [](const auto& file) { return file->flushed(); });
}

bool output_sinks::busy() const noexcept {
  return std::ranges::any_of(files(), [](const auto& file) { return file->busy(); });
}

void output_sinks::give_up() noexcept {
  for (const auto& file : files()) file->give_up();
}

void output_sinks::notify(std::span<const char> bytes) {
  if (!all_) return;
  for (const handler* call : all_->handlers) (*call)(std::string_view(bytes.data(), bytes.size()));
  for (const auto& l : all_->lines)
    l->splitter.feed(bytes, [&](std::string_view line, bool) { (*l->call)(line); });
}

void output_sinks::notify_end() {
  if (!all_) return;
  for (const auto& l : all_->lines)
    l->splitter.finish([&](std::string_view line, bool) { (*l->call)(line); });
}

void output_sinks::drop_handlers() noexcept {
  if (!all_) return;
  all_->handlers.clear();
  all_->lines.clear();
}

}  // namespace execo::detail
