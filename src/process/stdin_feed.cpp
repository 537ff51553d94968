#include "process/stdin_feed.hpp"

#include <fcntl.h>

#include <cassert>
#include <utility>

#include "io/shared_input.hpp"

namespace execo::detail {

std::error_code stdin_feed::set_up(const taken_stdio& stdio, std::string& context) {
  to_write_ = command_.input;
  const source_spec* spec = command_.has_input ? stdio.in() : nullptr;
  if (spec == nullptr) return {};
  if (spec->what == source_spec::kind::pipe) {
    source_ = source::writer;
    to_write_ = {};
    return {};
  }
  if (spec->what == source_spec::kind::shared) {
    source_ = source::file;
    to_write_ = {};
    file_ = std::make_unique<shared_input_reader>(loop_, static_cast<input_file_owner&>(*this),
                                                  spec->input);
    return file_->open(context);
  }
  child_stream from;
  if (spec->what == source_spec::kind::file) {
    from.what = child_stream::kind::file;
    from.path = spec->path;
    from.flags = O_RDONLY;
  } else {
    from.what = child_stream::kind::descriptor;
    from.fd = spec->fd.number;
  }
  bool given = !command_.attributes.pty && transport_.redirect(0, from);
  source_ = given ? source::direct : source::file;
  if (given) return {};
  to_write_ = {};
  file_ = std::make_unique<input_file>(loop_, static_cast<input_file_owner&>(*this), spec->path,
                                       spec->fd);
  return file_->open(context);
}

void stdin_feed::begin() {
  if (stage_ == stage::waiting) stage_ = stage::feeding;
  if (!command_.has_input) return command_.attributes.pty ? close_input() : void();
  switch (source_) {
    case source::direct:
      return;
    case source::file:
      return file_->read();
    case source::text:
      return feed_text();
    case source::writer:
      break;
  }
  if (writer_) {
    transport_.write(to_write_);
  } else if (ends_) {
    close_input();
  }
}

void stdin_feed::feed_text() {
  if (to_write_.empty()) {
    close_input();
  } else {
    transport_.write(to_write_);
  }
}

// A terminal has no other end of file than the key for it. Twice where a line is not complete: the
// first one only hands over what there is of it.
void stdin_feed::close_input() {
  if (!end_keys_.empty()) return;
  if (!command_.attributes.pty || stage_ == stage::refused) return transport_.close_input();
  static constexpr std::string_view keys = "\x04\x04";
  end_keys_ = keys.substr(0, in_line_ ? 2 : 1);
  transport_.write(end_keys_);
}

void stdin_feed::on_file_bytes(std::span<const char> bytes) noexcept {
  if (stage_ != stage::feeding) return;
  to_write_ = bytes;
  transport_.write(bytes);
}

void stdin_feed::on_file_end(int error) noexcept {
  if (stage_ == stage::over) return owner_.on_input_idle();
  close_input();
  if (error != 0) owner_.on_input_failed({error, std::system_category()}, file_->failed_step());
}

void stdin_feed::on_written(std::size_t count) {
  if (!feeds()) return;
  if (!end_keys_.empty()) return key_written(count);
  if (count > 0) in_line_ = to_write_[count - 1] != '\n';
  to_write_ = to_write_.subspan(count);
  if (source_ == source::text) return feed_text();
  bool through = to_write_.empty();
  if (file_ && through) return file_->read();
  if (writer_ && (through || write_stopped_)) return notify_writer(false);
  transport_.write(to_write_);
}

void stdin_feed::key_written(std::size_t count) {
  if (count == end_keys_.size()) return transport_.close_input();
  end_keys_.remove_prefix(count);
  transport_.write(end_keys_);
}

void stdin_feed::on_refused() {
  if (stage_ != stage::over) stage_ = stage::refused;
  notify_writer(true);
}

void stdin_feed::close() noexcept {
  stage_ = stage::over;
  if (file_) file_->close();
}

void stdin_feed::finalize() noexcept {
  stage_ = stage::over;
  notify_writer(true);
}

void stdin_feed::notify_writer(bool closed) noexcept {
  if (!writer_) return;
  write_stopped_ = false;
  std::exchange(writer_, {})(to_write_.size(), closed);
  if (ends_ && feeds()) close_input();
}

void stdin_feed::write(delegate<std::size_t, bool> writer, std::span<const char> bytes) noexcept {
  assert(!has_writer());
  writer_ = writer;
  to_write_ = bytes;
  if (ends_ || stage_ >= stage::refused) return notify_writer(true);
  if (bytes.empty()) return notify_writer(false);
  if (stage_ == stage::feeding) transport_.write(bytes);
}

void stdin_feed::stop_writing() noexcept {
  if (!writer_) return;
  if (stage_ == stage::waiting) return notify_writer(false);
  // Else it is notified when the transport has given the bytes back.
  write_stopped_ = true;
  if (feeds()) transport_.cancel_write();
}

void stdin_feed::end_writing() noexcept {
  ends_ = true;
  if (feeds() && !writer_) close_input();
}

}  // namespace execo::detail
