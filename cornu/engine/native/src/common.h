// What all native kernels share: the handler table, the team of threads, the cache of primitives.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dnnl.hpp"
#include "xla/ffi/api/ffi.h"

#define CORNU_EXPORT extern "C" __attribute__((visibility("default")))

// Compiled once for each kind of machine; the loader takes the best that this one has.
#if defined(__GLIBC__)
#define CORNU_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CORNU_CLONES
#endif

namespace cornu {

// Floats in the widest vector that this machine, and ONEDNN_MAX_CPU_ISA, allow: 16, 8 or 4.
int widest();

namespace ffi = xla::ffi;

// Adds a handler to the table that Python reads; gives back whether it did.
bool add_handler(const char* name, XLA_FFI_Handler* handler);

// Defines a handler by its binding: CORNU_HANDLER(cornu_twice, Twice, ffi::Ffi::Bind()...);
#define CORNU_HANDLER(name, fn, ...)             \
  XLA_FFI_DEFINE_HANDLER(name, fn, __VA_ARGS__); \
  static const bool name##_added = ::cornu::add_handler(#name, (XLA_FFI_Handler*)name)

// Threads that a computation may use.
int threads();

// Runs `f` on the one thread that has the OpenMP team, and waits for it. Work of oneDNN takes turns
// there: XLA calls handlers from many threads, and each would otherwise get a team of its own.
// Inside, `#pragma omp parallel` and oneDNN use `threads()` threads.
void on_team_thread(const std::function<void()>& f);
bool on_team_thread();

// The same for a handler, with exceptions turned into an error; work of fewer than `SMALL`
// multiplications (or numbers moved) is not worth waking anybody and runs where it is, alone.
constexpr double SMALL = 2e5;

template <class F>
ffi::Error guarded(F&& f) {
  try {
    f();
  } catch (const dnnl::error& e) {
    return ffi::Error::Internal(std::string("oneDNN: ") + e.what());
  } catch (const std::exception& e) {
    return ffi::Error::Internal(std::string("native kernel: ") + e.what());
  }
  return ffi::Error::Success();
}

// While one lives, threads of a pool help the one that made it.
class Helpers {
 public:
  explicit Helpers(ffi::ThreadPool* pool);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  static ffi::ThreadPool* here();  // null where there are none

 private:
  ffi::ThreadPool* before_;
};

// While one lives, its thread has neither helpers nor a team, and oneDNN makes primitives for one.
class Alone {
 public:
  Alone() : team_(omp_get_max_threads()), nobody_(nullptr) { omp_set_num_threads(1); }
  ~Alone() { omp_set_num_threads(team_); }
  Alone(const Alone&) = delete;

 private:
  const int team_;
  const Helpers nobody_;
};

template <class F>
ffi::Error run(double work, F&& f) {
  return guarded([&] {
    if (work >= SMALL) {
      on_team_thread(f);
      return;
    }
    const Alone alone;
    f();
  });
}

// The same on the thread that XLA called, with threads of XLA's pool where `parallel` shares work:
// for our own kernels, and for oneDNN's where each thread is `Alone`. A product of 25 million
// multiplications takes 0.20 ms so, and 0.29 on the team, whose threads must all be woken (busy
// machine, least of 60).
template <class F>
ffi::Error run(double work, ffi::ThreadPool& pool, F&& f) {
  return guarded([&] {
    const Helpers helpers(work < SMALL ? nullptr : &pool);
    f();
  });
}

// f(begin, end) over pieces of 0..n-1, each by whoever of several threads is free; inside `run`.
using Piece = std::function<void(int64_t, int64_t)>;
void in_pieces(int64_t n, int64_t piece, const Piece& f);

// The same several times, one phase after the other: all of one is done before the next begins, and
// threads are woken once.
struct Phase {
  int64_t n, piece;
  Piece f;
};
void in_phases(std::vector<Phase> phases);

// Numbers of 0..n-1 in each part, if there is one for each thread; so `begin / part_of(n)` tells
// parts apart.
inline int64_t part_of(int64_t n) { return (n + threads() - 1) / threads(); }

// f(begin, end) over such parts; inside `run`.
template <class F>
void parallel(int64_t n, F&& f) {
  const int64_t part = part_of(n), parts = n > 0 ? (n + part - 1) / part : 0;
  if (!on_team_thread()) {
    in_pieces(n, part, f);
    return;
  }
#pragma omp parallel for schedule(static, 1) if (parts > 1)
  for (int64_t i = 0; i < parts; ++i) f(i * part, std::min(n, (i + 1) * part));
}

// The CPU of oneDNN, and a stream for each thread.
const dnnl::engine& cpu();
dnnl::stream& stream();

// What makes a primitive: appended numbers, compared as bytes. The number of threads is in it,
// because primitives are made for one.
class Key {
 public:
  explicit Key(const char* what) : bytes_(what) { add(omp_get_max_threads()); }
  Key& add(int64_t x) {
    bytes_.append(reinterpret_cast<const char*>(&x), sizeof x);
    return *this;
  }
  template <class Numbers>
  Key& all(const Numbers& xs) {
    add(static_cast<int64_t>(xs.size()));
    for (auto x : xs) add(static_cast<int64_t>(x));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// At most `most` values by key; the one unused for longest goes first. A value that is in use
// lives on until it is not, whatever the cache does. Safe for threads.
template <class Value>
class Cache {
 public:
  explicit Cache(size_t most) : most_(most) {}

  template <class Make>
  std::shared_ptr<Value> get(const Key& key, Make&& make) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      auto found = where_.find(key.bytes());
      if (found != where_.end()) {
        order_.splice(order_.begin(), order_, found->second);
        return found->second->second;
      }
    }
    auto made = std::make_shared<Value>(make());
    std::lock_guard<std::mutex> lock(mutex_);
    if (where_.count(key.bytes()) == 0) {
      order_.emplace_front(key.bytes(), made);
      where_[key.bytes()] = order_.begin();
      if (order_.size() > most_) {
        where_.erase(order_.back().first);
        order_.pop_back();
      }
    }
    return made;
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Value>>> order_;
  std::unordered_map<std::string, typename decltype(order_)::iterator> where_;
};

// Memory of this thread that a kernel may use until it returns, 64-byte aligned; `slot` tells
// apart what is in use at once. It grows as needed and is kept for the next kernel.
constexpr int SLOTS = 6;
void* scratch(int slot, size_t bytes);

}  // namespace cornu
