// SHA-256 (FIPS 180-4), for golden hashes only.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace test {

class Sha256 {
 public:
  Sha256& bytes(const void* data, std::size_t n) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < n; ++i) byte(p[i]);
    return *this;
  }

  /** Little-endian, whatever the machine's order is. */
  template <class T>
  Sha256& values(const T* data, std::size_t n) {
    static_assert(sizeof(T) <= 8, "scalars only");
    for (std::size_t i = 0; i < n; ++i) {
      std::uint64_t bits = 0;
      if constexpr (sizeof(T) == 4) {
        std::uint32_t b;
        std::memcpy(&b, data + i, 4);
        bits = b;
      } else if constexpr (sizeof(T) == 8) {
        std::memcpy(&bits, data + i, 8);
      } else {
        bits = static_cast<std::uint64_t>(data[i]);
      }
      for (std::size_t k = 0; k < sizeof(T); ++k) byte(static_cast<unsigned char>(bits >> (8 * k)));
    }
    return *this;
  }

  template <class T>
  Sha256& values(const std::vector<T>& v) {
    return values(v.data(), v.size());
  }

  std::string hex() {
    const std::uint64_t bits = length_ * 8;
    byte(0x80);
    while (length_ % 64 != 56) byte(0);
    for (int i = 7; i >= 0; --i) byte(static_cast<unsigned char>(bits >> (8 * i)));
    std::string out;
    for (const std::uint32_t h : h_) {
      for (int i = 28; i >= 0; i -= 4) out += "0123456789abcdef"[h >> i & 15u];
    }
    return out;
  }

 private:
  static std::uint32_t rotate(std::uint32_t x, int n) { return x >> n | x << (32 - n); }

  /** First 32 bits of the fractional part of the root of a prime; integer arithmetic only. */
  static std::uint32_t root_fraction(std::uint32_t prime, int degree) {
    // The largest r with r^degree ≤ prime · 2^(32·degree), found bit by bit; its low 32 bits are the fraction.
    std::uint64_t r = 0;
    for (int bit = 37; bit >= 0; --bit) {
      const std::uint64_t candidate = r | std::uint64_t{1} << bit;
      if (power_at_most(candidate, degree, prime)) r = candidate;
    }
    return static_cast<std::uint32_t>(r);
  }

  static bool power_at_most(std::uint64_t r, int degree, std::uint32_t prime) {
    // Numbers of four 32-bit limbs are enough: (2^36)^3 < 2^128.
    std::array<std::uint64_t, 5> product{1, 0, 0, 0, 0};
    for (int i = 0; i < degree; ++i) {
      std::array<std::uint64_t, 5> next{};
      for (int part = 0; part < 2; ++part) {
        const std::uint64_t factor = part == 0 ? (r & 0xffffffffu) : r >> 32;
        std::uint64_t carry = 0;
        for (int k = 0; k + part < 5; ++k) {
          const std::uint64_t sum = next[k + part] + product[k] * factor + carry;
          next[k + part] = sum & 0xffffffffu;
          carry = sum >> 32;
        }
      }
      product = next;
    }
    for (int k = 4; k >= 0; --k) {
      const std::uint64_t limit = k == degree ? prime : 0;
      if (product[k] != limit) return product[k] < limit;
    }
    return true;
  }

  struct Constants {
    std::array<std::uint32_t, 64> k;
    std::array<std::uint32_t, 8> h;
    Constants() {
      int found = 0;
      for (std::uint32_t n = 2; found < 64; ++n) {
        bool prime = true;
        for (std::uint32_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
        if (!prime) continue;
        k[found] = root_fraction(n, 3);
        if (found < 8) h[found] = root_fraction(n, 2);
        ++found;
      }
    }
  };

  static const Constants& constants() {
    static const Constants c;
    return c;
  }

  void byte(unsigned char b) {
    block_[length_++ % 64] = b;
    if (length_ % 64 != 0) return;
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i) {
      w[i] = static_cast<std::uint32_t>(block_[4 * i]) << 24 | static_cast<std::uint32_t>(block_[4 * i + 1]) << 16 |
             static_cast<std::uint32_t>(block_[4 * i + 2]) << 8 | block_[4 * i + 3];
    }
    for (int i = 16; i < 64; ++i) {
      const std::uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
      const std::uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    std::array<std::uint32_t, 8> v = h_;
    for (int i = 0; i < 64; ++i) {
      const std::uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
      const std::uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      const std::uint32_t t1 = v[7] + s1 + choice + constants().k[i] + w[i];
      const std::uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
      const std::uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      v = {t1 + s0 + majority, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
    }
    for (int i = 0; i < 8; ++i) h_[i] += v[i];
  }

  std::array<std::uint32_t, 8> h_ = constants().h;
  std::array<unsigned char, 64> block_{};
  std::uint64_t length_ = 0;
};

}  // namespace test
