#include "action/host_transport.hpp"

#include <algorithm>
#include <utility>

#include "base/contain.hpp"
#include "loop/post_call.hpp"
#include "ssh/forwarding_transport.hpp"

namespace execo::detail {
namespace {

std::size_t ring_of(loop& on) noexcept {
  std::span<loop* const> rings = on.rings();
  auto found = std::ranges::find(rings, &on);
  return found == rings.end() ? 0 : static_cast<std::size_t>(found - rings.begin());
}

/// The way to the host is found on the loop, when the command is opened. Until then there is no
/// other transport.
class host_transport final : public refusing_transport {
 public:
  host_transport(loop& on, std::shared_ptr<command_factory> factory, host where,
                 const deadlines& limits)
      : refusing_transport(on, nullptr),
        factory_(std::move(factory)),
        where_(std::move(where)),
        limits_(limits) {}

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    contain([&] { make(what); }, [this](const std::exception_ptr& error) { refuse(error); });
    if (has_way_) open_inner(what);
  }

  // What is at the end of a connection.
  bool redirect(int, const child_stream&) override { return false; }
  void allow_bulk(stream) override {}
  void write(std::span<const char> bytes) override {
    if (has_way_) refusing_transport::write(bytes);
  }
  void cancel_write() override {
    if (has_way_) refusing_transport::cancel_write();
  }
  void close_input() override {
    if (has_way_) refusing_transport::close_input();
  }
  void signal(int number) override {
    if (has_way_) refusing_transport::signal(number);
  }
  void end_scope(duration until_kill) override {
    if (has_way_) refusing_transport::end_scope(until_kill);
  }
  void outlive() override {
    if (has_way_) refusing_transport::outlive();
  }
  void pause(stream which, bool paused) override {
    if (has_way_) refusing_transport::pause(which, paused);
  }
  bool query_pending_output() override {
    return has_way_ && refusing_transport::query_pending_output();
  }
  clock::duration max_output_delay() const noexcept override {
    return has_way_ ? refusing_transport::max_output_delay() : clock::duration(0);
  }
  clock::duration unread_time() const noexcept override {
    return has_way_ ? refusing_transport::unread_time() : clock::duration(0);
  }
  bool tells_before_start() const noexcept override { return false; }
  bool knows_host() const noexcept override { return has_way_ && refusing_transport::knows_host(); }
  void describe(std::vector<std::string>& lines) const override {
    if (has_way_) refusing_transport::describe(lines);
  }

 private:
  void make(const command& what) {
    const std::size_t ring = ring_of(home());
    factory_->begin(home());
    attempt one(where_, 0, std::make_shared<const command>(what), taken_stdio(), nullptr, limits_);
    replace_inner(factory_->make_transport(home(), ring, one));
    has_way_ = true;
  }

  void refuse(const std::exception_ptr& error) {
    fail_soon(failure(end_reason::unsupported, error_of(error), words_of(error)));
  }

  // What belongs to the loop is destroyed there: the last handle may be dropped on any thread. The
  // way is in the middle of its last event.
  end_report complete(end_report found) override {
    contain(
        [this] {
          std::shared_ptr<transport> way = take_inner();
          has_way_ = false;
          post_call(home(),
                    [way = std::move(way), factory = factory_, ring = ring_of(home())]() mutable {
                      way.reset();
                      factory->end(ring);
                    });
        },
        [](const std::exception_ptr&) {});
    return found;
  }

  std::shared_ptr<command_factory> factory_;
  host where_;
  deadlines limits_;
  bool has_way_ = false;
};

}  // namespace

std::unique_ptr<transport> make_host_transport(loop& on, std::shared_ptr<command_factory> factory,
                                               host where, const deadlines& limits) {
  return std::make_unique<host_transport>(on, std::move(factory), std::move(where), limits);
}

}  // namespace execo::detail
