// The awaiters of readers and writers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "execo/detail/operation.hpp"
#include "execo/detail/process_ops.hpp"
#include "execo/status.hpp"

namespace execo::detail {

class output_stream;

class stream_read : public operation {
 public:
 protected:
  enum class unit { piece, line, all };
  stream_read(process_ref state, stream which, unit what, std::size_t most) noexcept
      : state_(std::move(state)), which_(which), unit_(what), most_(most) {}
  stream_read(stream_read&& other) noexcept
      : operation(std::move(other)),
        state_(std::move(other.state_)),
        which_(other.which_),
        unit_(other.unit_),
        most_(other.most_) {}
  ~stream_read() override = default;

  /// What was read; nothing at the end of the stream.
  /// Throws: as the reader's members say.
  std::optional<std::string> take_bytes();

 private:
  enum class end : unsigned char { good, cancelled, busy, gap, elsewhere, no_memory };

  loop& bind(loop* affinity) override;
  output_stream& from() const noexcept;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return end_ == end::cancelled; }
  const char* what() const noexcept override { return "output of a process"; }
  /// False: it has to wait.
  bool try_take(output_stream& from);
  void finish(end how) noexcept;
  bool take_line(output_stream& from, std::string_view unread);
  void on_readable() noexcept;

  process_ref state_;
  stream which_;
  unit unit_;
  std::size_t most_;
  std::size_t searched_ = 0;  // bytes without an end of line
  std::optional<std::string> bytes_;
  end end_ = end::good;
};

class [[nodiscard]] read_op final : public stream_read {
 public:
  read_op(process_ref state, stream which, std::size_t most) noexcept
      : stream_read(std::move(state), which, unit::piece, most) {}
  std::string await_resume() { return take_bytes().value_or(std::string()); }
};

class [[nodiscard]] read_line_op final : public stream_read {
 public:
  read_line_op(process_ref state, stream which, std::size_t most) noexcept
      : stream_read(std::move(state), which, unit::line, most) {}
  std::optional<std::string> await_resume() { return take_bytes(); }
};

class [[nodiscard]] read_all_op final : public stream_read {
 public:
  read_all_op(process_ref state, stream which, std::size_t most) noexcept
      : stream_read(std::move(state), which, unit::all, most) {}
  std::string await_resume() { return take_bytes().value_or(std::string()); }
};

class [[nodiscard]] write_op final : public operation {
 public:
  write_op(process_ref state, std::string_view bytes) noexcept
      : state_(std::move(state)), bytes_(bytes) {}
  write_op(write_op&& other) noexcept
      : operation(std::move(other)), state_(std::move(other.state_)), bytes_(other.bytes_) {}

  std::size_t await_resume() const;

 private:
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  const char* what() const noexcept override { return "input of a process"; }
  void on_done(std::size_t left, bool closed) noexcept;

  process_ref state_;
  std::string_view bytes_;
  std::size_t taken_ = 0;
  const char* misuse_ = nullptr;
  bool closed_ = false;
};

}  // namespace execo::detail
