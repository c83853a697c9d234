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

// Work that several threads share; it outlives those that come too late.
class Shared {
 public:
  explicit Shared(std::vector<Phase> phases) : phases_(std::move(phases)), been_(phases_.size()) {}

  // Who comes too late finds nothing to do, and nobody waits for others after the last phase...
  void help() {
    for (size_t i = 0; i < phases_.size(); ++i) {
      if (i > 0) wait(i - 1);
      take(phases_[i], been_[i]);
    }
  }

  // ...but who needs the results.
  void finish() {
    help();
    wait(phases_.size() - 1);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  struct Been {
    std::atomic<int64_t> taken{0}, done{0};
  };

  void take(const Phase& phase, Been& been) {
    for (int64_t begin; (begin = been.taken.fetch_add(1) * phase.piece) < phase.n;) {
      const int64_t end = std::min(phase.n, begin + phase.piece);
      try {
        phase.f(begin, end);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        error_ = std::current_exception();
      }
      been.done.fetch_add(end - begin);
    }
  }

  void wait(size_t i) const {
    for (int turn = 0; been_[i].done.load() < phases_[i].n; ++turn)
      turn < PATIENCE ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
  }

  static constexpr int PATIENCE = 4000;  // turns: pieces end within microseconds of each other

  const std::vector<Phase> phases_;
  std::vector<Been> been_;
  std::mutex mutex_;
  std::exception_ptr error_;
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

void in_pieces(int64_t n, int64_t piece, const Piece& f) { in_phases({{n, piece, f}}); }

void in_phases(std::vector<Phase> phases) {
  int64_t most = 0;  // pieces of a phase
  for (const Phase& phase : phases)
    most = std::max(most, (phase.n + phase.piece - 1) / phase.piece);
  ffi::ThreadPool* pool = Helpers::here();
  if (pool == nullptr || most <= 1) {
    for (const Phase& phase : phases)
      for (int64_t i = 0; i < phase.n; i += phase.piece)
        phase.f(i, std::min(phase.n, i + phase.piece));
    return;
  }
  const auto work = std::make_shared<Shared>(std::move(phases));
  for (int64_t i = 1; i < std::min<int64_t>(most, threads()); ++i)
    pool->Schedule([work] { work->help(); });
  work->finish();
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
