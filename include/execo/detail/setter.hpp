// A fluent setter, which gives back the object that it was called on, so that calls chain on a
// temporary. `Self` is the class that users see.
#pragma once

#include <utility>

#define EXECO_SETTER(signature, statement)       \
  Self&& signature&& {                           \
    statement;                                   \
    return std::move(static_cast<Self&>(*this)); \
  }                                              \
  Self& signature& {                             \
    statement;                                   \
    return static_cast<Self&>(*this);            \
  }
