// Words in configuration files and command lines that name one of several values.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace execo::detail {

template <class Value, std::size_t N>
using choices = std::array<std::pair<std::string_view, Value>, N>;

/// For color_mode and other enumerations that may leave the choice to the program.
template <class Mode>
inline constexpr choices<Mode, 3> auto_always_never{
    {{"auto", Mode::automatic}, {"always", Mode::always}, {"never", Mode::never}}};

/// For host_keys, which this layer does not know.
template <class Policy>
inline constexpr choices<Policy, 3> host_key_words{
    {{"strict", Policy::strict}, {"accept-new", Policy::accept_new}, {"ignore", Policy::ignore}}};

/// For ssh_client, as well.
template <class Client>
inline constexpr choices<Client, 4> ssh_client_words{{{"direct", Client::direct},
                                                      {"auto", Client::automatic},
                                                      {"libssh", Client::built_in},
                                                      {"openssh", Client::openssh}}};

}  // namespace execo::detail
