#include "io/output_sinks.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

output_file& output_sinks::new_file() {
  files_.push_back(std::make_unique<output_file>(loop_, owner_));
  return *files_.back();
}

void output_sinks::add(const sink_spec& spec, int inherited) {
  switch (spec.what) {
    case sink_spec::kind::inherit:
      return new_file().use(lent_fd{inherited, inherited});
    case sink_spec::kind::fd:
      return new_file().use(spec.fd);
    case sink_spec::kind::null:
      return new_file().use(file_path{"/dev/null", {}, {}}, file_target::mode::replace);
    case sink_spec::kind::file:
      return new_file().use(spec.path, file_target::mode::replace);
    case sink_spec::kind::append:
      return new_file().use(spec.path, file_target::mode::append);
    case sink_spec::kind::callback:
      handlers_.push_back(&spec.handler);
      return;
    case sink_spec::kind::lines:
      lines_.push_back(std::make_unique<line_sink>());
      lines_.back()->call = &spec.handler;
      return;
    case sink_spec::kind::capture:
    case sink_spec::kind::pipe:
    case sink_spec::kind::tee:
    case sink_spec::kind::merged:
      break;
  }
  assert(false);
}

output_file* output_sinks::sole_file() noexcept {
  return files_.size() == 1 && !has_handlers() ? files_.front().get() : nullptr;
}

std::error_code output_sinks::open(std::string& context) {
  for (const auto& file : files_) {
    std::error_code why = file->open();
    if (!why) continue;
    context = "open " + file->name();
    return why;
  }
  return {};
}

bool output_sinks::take(std::span<const char> bytes) {
  bool all = true;
  for (const auto& file : files_) all &= file->take(bytes);
  return all;
}

bool output_sinks::full() const noexcept {
  return std::ranges::any_of(files_, [](const auto& file) { return file->full(); });
}

bool output_sinks::flushed() const noexcept {
  return std::ranges::all_of(files_, [](const auto& file) { return file->flushed(); });
}

bool output_sinks::busy() const noexcept {
  return std::ranges::any_of(files_, [](const auto& file) { return file->busy(); });
}

void output_sinks::give_up() noexcept {
  for (const auto& file : files_) file->give_up();
}

void output_sinks::notify(std::span<const char> bytes) {
  for (const handler* call : handlers_) (*call)(std::string_view(bytes.data(), bytes.size()));
  for (const auto& l : lines_)
    l->splitter.feed(bytes, [&](std::string_view line, bool) { (*l->call)(line); });
}

void output_sinks::notify_end() {
  for (const auto& l : lines_)
    l->splitter.finish([&](std::string_view line, bool) { (*l->call)(line); });
}

void output_sinks::drop_handlers() noexcept {
  handlers_.clear();
  lines_.clear();
}

}  // namespace execo::detail
