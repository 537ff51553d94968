/// glib_host: a context as a guest of a GLib main loop (GTK, GStreamer, ...), both on one thread.
#pragma once

#include <glib.h>

#include "execo/context.hpp"

namespace execo {

/// Drives a context as a guest of a GMainContext, which it never blocks: polls it when its handle
/// is readable and when its next deadline is due. To run an operation on the guest, name it:
/// `start(guest, op, callback)`, `p.on(guest)`.
///
/// Pre: one thread runs the main loop; both are used from that thread, and the guest outlives this.
class glib_host {
 public:
  /// `where`: the default main context if it is null.
  /// Throws: std::system_error when the guest has no handle left for it.
  explicit glib_host(context& guest, GMainContext* where = nullptr) {
    static GSourceFuncs calls{&prepare, &check, &dispatch, nullptr, nullptr, nullptr};
    const int handle = guest.native_handle();
    source_ = g_source_new(&calls, sizeof(guest_source));
    auto* made = reinterpret_cast<guest_source*>(source_);
    made->guest = &guest;
    made->handle = g_source_add_unix_fd(source_, handle, G_IO_IN);
    g_source_attach(source_, where);
  }
  glib_host(const glib_host&) = delete;
  glib_host& operator=(const glib_host&) = delete;
  ~glib_host() { close(); }

  /// Detaches the guest, which is then no longer driven. May be called on the guest.
  void close() noexcept {
    if (source_ == nullptr) return;
    g_source_destroy(source_);
    g_source_unref(source_);
    source_ = nullptr;
  }

 private:
  struct guest_source {
    GSource base;  // first: GLib allocates the whole
    context* guest;
    gpointer handle;
  };
  static const guest_source& of(GSource* source) noexcept {
    return *reinterpret_cast<guest_source*>(source);
  }

  static gboolean prepare(GSource* source, gint* wait) {
    *wait = of(source).guest->poll_timeout();
    return *wait == 0 ? TRUE : FALSE;
  }
  static gboolean check(GSource* source) {
    const bool readable = g_source_query_unix_fd(source, of(source).handle) != 0;
    return readable || of(source).guest->poll_timeout() == 0 ? TRUE : FALSE;
  }
  static gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
    of(source).guest->poll();
    return G_SOURCE_CONTINUE;
  }

  GSource* source_ = nullptr;
};

}  // namespace execo
