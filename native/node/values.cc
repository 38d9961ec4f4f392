#include "values.h"

#include <cmath>

namespace r3mes::node {

namespace {

const char* code_of(r3mes_status status) {
  switch (status) {
    case R3MES_OK: break;
    case R3MES_BAD_SHAPE: return "BAD_SHAPE";
    case R3MES_BAD_VALUE: return "BAD_VALUE";
    case R3MES_NOT_FINITE: return "NOT_FINITE";
    case R3MES_BAD_TOKEN: return "BAD_TOKEN";
    case R3MES_NO_LABELS: return "NO_LABELS";
    case R3MES_OVERFLOW: return "OVERFLOW";
    case R3MES_OUT_OF_MEMORY: return "OUT_OF_MEMORY";
    case R3MES_CANCELLED: return "CANCELLED";
    case R3MES_DEVICE_FAILED: return "DEVICE_FAILED";
  }
  return "BAD_VALUE";
}

[[noreturn]] void refuse(const Napi::Value& value, const std::string& name, const char* expected) {
  throw make_error(value.Env(), R3MES_BAD_VALUE, name + ": expected " + expected);
}

double number(const Napi::Value& value, const std::string& name, const char* expected) {
  if (!value.IsNumber()) refuse(value, name, expected);
  const double x = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(x)) refuse(value, name, expected);
  return x;
}

template <typename Array>
Array typed_array(const Napi::Value& value, const std::string& name, napi_typedarray_type type, const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(value, name, expected);
  return value.As<Array>();
}

}  // namespace

Napi::Error make_error(Napi::Env env, r3mes_status status, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_of(status)));
  return error;
}

std::int32_t read_int32(const Napi::Value& value, const std::string& name) {
  const double x = number(value, name, "a whole number of 32 bits");
  if (x != std::floor(x) || x < -2147483648.0 || x > 2147483647.0) refuse(value, name, "a whole number of 32 bits");
  return static_cast<std::int32_t>(x);
}

float read_float(const Napi::Value& value, const std::string& name) {
  const float x = static_cast<float>(number(value, name, "a finite number"));
  if (!std::isfinite(x)) refuse(value, name, "a number in the range of binary32");
  return x;
}

double read_double(const Napi::Value& value, const std::string& name) { return number(value, name, "a finite number"); }

Napi::Object read_object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array read_array(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) refuse(value, name, "an array");
  return value.As<Napi::Array>();
}

Span<float> read_floats(const Napi::Value& value, const std::string& name) {
  auto array = typed_array<Napi::Float32Array>(value, name, napi_float32_array, "a Float32Array");
  return {array.Data(), array.ElementLength()};
}

Span<std::int32_t> read_ints(const Napi::Value& value, const std::string& name) {
  auto array = typed_array<Napi::Int32Array>(value, name, napi_int32_array, "an Int32Array");
  return {array.Data(), array.ElementLength()};
}

Span<std::uint8_t> read_bytes(const Napi::Value& value, const std::string& name) {
  auto array = typed_array<Napi::Uint8Array>(value, name, napi_uint8_array, "a Uint8Array");
  return {array.Data(), array.ElementLength()};
}

}  // namespace r3mes::node
