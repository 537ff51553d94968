// Where the loop, libssh or a thread calls code that may throw, memory that is short mostly: the
// exception becomes an error of what was called for, and of nothing else.
#pragma once

#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace execo::detail {

/// Calls `call()`; an exception of it goes to `broken(std::exception_ptr)`, which throws none.
template <class Call, class Broken>
void contain(Call&& call, Broken&& broken) noexcept {
  try {
    std::forward<Call>(call)();
  } catch (...) {
    std::forward<Broken>(broken)(std::current_exception());
  }
}

/// ENOMEM, the code of a std::system_error, ECANCELED for anything else.
inline std::error_code error_of(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return std::make_error_code(std::errc::not_enough_memory);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (...) {
    return std::make_error_code(std::errc::operation_canceled);
  }
}

}  // namespace execo::detail
