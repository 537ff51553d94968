// For calls from the loop, libssh or a thread to code that may throw, mostly for lack of memory:
// the exception becomes an error of the operation concerned, and of no other.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace execo::detail {

/// Calls `call()`; passes an exception to `broken(std::exception_ptr)`, which does not throw.
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

/// The words of a std::exception; none of anything else. Throws: std::bad_alloc.
inline std::string words_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return {};
  }
}

}  // namespace execo::detail
