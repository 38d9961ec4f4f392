// Reading JavaScript values. Whatever is of the wrong kind is a TypeError that names it; nothing is converted silently.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "r3mes/status.h"

namespace r3mes::node {

/** An Error with the `code` by which JavaScript tells refusals apart. */
Napi::Error make_error(Napi::Env env, r3mes_status status, const std::string& message);

/** An integer of 32 bits. */
std::int32_t read_int32(const Napi::Value& value, const std::string& name);
/** A finite number rounded to binary32. */
float read_float(const Napi::Value& value, const std::string& name);
double read_double(const Napi::Value& value, const std::string& name);
Napi::Object read_object(const Napi::Value& value, const std::string& name);
Napi::Array read_array(const Napi::Value& value, const std::string& name);

/** Memory of a typed array; valid as long as the array is pinned. */
template <typename T>
struct Span {
  T* data = nullptr;
  std::size_t size = 0;
};

Span<float> read_floats(const Napi::Value& value, const std::string& name);
Span<std::int32_t> read_ints(const Napi::Value& value, const std::string& name);
Span<std::uint8_t> read_bytes(const Napi::Value& value, const std::string& name);

/** @throws where `span` has another number of elements. */
template <typename T>
void expect_size(Napi::Env env, const Span<T>& span, std::size_t expected, const std::string& name) {
  if (span.size == expected) return;
  throw make_error(env, R3MES_BAD_SHAPE, name + " has " + std::to_string(span.size) + " elements, expected " + std::to_string(expected));
}

/** Keeps values alive, and with them their memory, until it is destroyed on the main thread. */
class Pins {
 public:
  void add(const Napi::Value& value) { pins_.push_back(Napi::Persistent(value.As<Napi::Object>())); }

 private:
  std::vector<Napi::ObjectReference> pins_;
};

}  // namespace r3mes::node
