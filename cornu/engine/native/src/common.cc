#include "common.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <thread>

namespace cornu {
namespace {

struct Table {
  std::string names;  // separated by spaces
  std::unordered_map<std::string, XLA_FFI_Handler*> handlers;
};

Table& table() {
  static Table* t = new Table;
  return *t;
}

struct Job {
  const std::function<void()>* f;
  std::exception_ptr error;
  bool done = false;
};

// The thread that has the team. It is never joined: it sleeps when the process ends.
class Team {
 public:
  Team() {
    std::thread([this] { work(); }).detach();
  }

  void run(const std::function<void()>& f) {
    Job job{&f, nullptr};
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_one();
    finished_.wait(lock, [&] { return job.done; });
    lock.unlock();
    if (job.error) std::rethrow_exception(job.error);
  }

  static bool here() { return here_; }

 private:
  void work() {
    here_ = true;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return !jobs_.empty(); });
      Job* job = jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      try {
        (*job->f)();
      } catch (...) {
        job->error = std::current_exception();
      }
      lock.lock();
      job->done = true;
      finished_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::deque<Job*> jobs_;
  static thread_local bool here_;
};

thread_local bool Team::here_ = false;

Team* the_team = nullptr;
std::mutex team_mutex;

Team& team() {
  std::lock_guard<std::mutex> lock(team_mutex);
  if (the_team == nullptr) the_team = new Team;
  return *the_team;
}

thread_local ffi::ThreadPool* the_pool = nullptr;

// Pieces of work that several threads take; it outlives those that come too late.
struct Shared {
  Shared(const Piece& f, int64_t n, int64_t piece) : f(f), n(n), piece(piece) {}

  const Piece& f;
  const int64_t n, piece;
  std::atomic<int64_t> taken{0}, done{0};
  std::mutex mutex;
  std::exception_ptr error;

  void help() {
    for (int64_t begin; (begin = taken.fetch_add(1) * piece) < n;) {
      const int64_t end = std::min(n, begin + piece);
      try {
        f(begin, end);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        error = std::current_exception();
      }
      done.fetch_add(end - begin);
    }
  }

  void wait() const {
    for (int turn = 0; done.load() < n; ++turn)
      turn < PATIENCE ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
  }

  static constexpr int PATIENCE = 4000;  // turns: pieces end within microseconds of each other
};

struct Scratch {
  void* memory = nullptr;
  size_t size = 0;
  ~Scratch() { std::free(memory); }
};

}  // namespace

bool add_handler(const char* name, XLA_FFI_Handler* handler) {
  table().names += (table().names.empty() ? "" : " ") + std::string(name);
  table().handlers[name] = handler;
  return true;
}

int threads() {
  static const int n = omp_get_max_threads();
  return n;
}

void on_team_thread(const std::function<void()>& f) { Team::here() ? f() : team().run(f); }
bool on_team_thread() { return Team::here(); }

Helpers::Helpers(ffi::ThreadPool* pool) : before_(the_pool) { the_pool = pool; }
Helpers::~Helpers() { the_pool = before_; }
ffi::ThreadPool* Helpers::here() { return the_pool; }

void in_pieces(int64_t n, int64_t piece, const Piece& f) {
  ffi::ThreadPool* pool = Helpers::here();
  const int64_t pieces = n > 0 ? (n + piece - 1) / piece : 0;
  if (pool == nullptr || pieces <= 1) {
    for (int64_t i = 0; i < n; i += piece) f(i, std::min(n, i + piece));
    return;
  }
  const auto work = std::make_shared<Shared>(f, n, piece);
  for (int64_t i = 1; i < std::min<int64_t>(pieces, threads()); ++i)
    pool->Schedule([work] { work->help(); });
  work->help();
  work->wait();
  if (work->error) std::rethrow_exception(work->error);
}

int widest() {
  static const int lanes = [] {
    const int known = dnnl_get_effective_cpu_isa();
    auto allows = [&](int isa) { return (known & isa) == isa && __builtin_cpu_supports("fma"); };
    return allows(dnnl_cpu_isa_avx512_core) ? 16 : allows(dnnl_cpu_isa_avx2) ? 8 : 4;
  }();
  return lanes;
}

const dnnl::engine& cpu() {
  static const dnnl::engine* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *e;
}

dnnl::stream& stream() {
  thread_local dnnl::stream s(cpu());
  return s;
}

void* scratch(int slot, size_t bytes) {
  thread_local Scratch slots[SLOTS];
  Scratch& s = slots[slot];
  if (bytes > s.size) {
    std::free(s.memory);
    s.size = 0;
    const size_t rounded = (bytes + 4095) / 4096 * 4096;
    s.memory = std::aligned_alloc(64, rounded);
    if (s.memory == nullptr) throw std::bad_alloc();
    s.size = rounded;
  }
  return s.memory;
}

}  // namespace cornu

// Names of all handlers, separated by spaces.
CORNU_EXPORT const char* cornu_handlers() { return cornu::table().names.c_str(); }

// A handler by its name, for `jax.ffi.pycapsule`.
CORNU_EXPORT void* cornu_handler(const char* name) {
  auto& all = cornu::table().handlers;
  auto found = all.find(name);
  return found == all.end() ? nullptr : reinterpret_cast<void*>(found->second);
}

// "3.2.0, avx512_core_amx, 2 threads"
CORNU_EXPORT const char* cornu_description() {
  static const std::string* text = [] {
    const dnnl_version_t* v = dnnl_version();
    auto number = [](int n) { return std::to_string(n); };
    return new std::string("oneDNN " + number(v->major) + "." + number(v->minor) + "." +
                           number(v->patch) + ", " + number(cornu::threads()) + " threads");
  }();
  return text->c_str();
}
