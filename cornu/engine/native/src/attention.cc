// Attention by dot products, head by head: softmax(query @ key' * scale) @ value, and its slopes.
//
// Some queries of one head at a time: their scores stay in the second cache from the first product
// to the last one, and the way back makes them again, so that no array of (queries, keys) is ever
// written out. Heads are read and written where they lie, between others. Products are AMX's
// (amx.h); where a machine has none of it there is no such kernel.
//
// CPU ms of a busy machine, this / products and softmax apart, (32, 128, 8, 32) of all: 8.9/14.4,
// its slopes 20/40.
//
// Source: Dao et al., "FlashAttention", 2022, for making scores again on the way back.
#include <immintrin.h>

#include "amx.h"
#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Out = ffi::ResultBuffer<ffi::F32>;

constexpr int64_t PAIR = 2 * amx::SIDE;
constexpr int64_t QUERIES = 128;                // at a time
constexpr float LEAST = -0.7f * 3.402823466e38f;  // as `ops.attention.least`

#define LANES 16
#define WIDTH wide
#define ISA __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#include "attention_lanes.h"

enum Slot { kLeft, kRight, kWeights, kSlopes };

float* floats(Slot slot, int64_t numbers) {
  return static_cast<float*>(scratch(slot, numbers * sizeof(float)));
}

amx::Half* packed(Slot slot, int64_t lines, int64_t depth) {
  const int64_t panels = (lines + PAIR - 1) / PAIR * 2;
  return static_cast<amx::Half*>(scratch(slot, panels * amx::panel_of(depth) * sizeof(amx::Half)));
}

// A matrix that lies in memory by rows, `row` numbers apart.
struct Matrix {
  const float* start;
  int64_t row;

  amx::Factor rows() const { return {start, row, 1}; }     // each is one line of a factor
  amx::Factor columns() const { return {start, 1, row}; }  // so is each column
};

// For numbers that have no parts; they are rare.
void plain_product(const amx::Factor& a, const amx::Factor& b, int64_t rows, int64_t columns,
                   int64_t depth, const amx::Block& to, bool more) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      float sum = more ? to.start[i * to.row + j] : 0.0f;
      for (int64_t k = 0; k < depth; ++k) {
        sum += a.start[i * a.line + k * a.step] * b.start[j * b.line + k * b.step];
      }
      to.start[i * to.row + j] = sum;
    }
  }
}

// `to` becomes the product of both, or with `more` gets it on top. Lines of `a` are rows of it,
// lines of `b` columns.
void product(const amx::Factor& a, const amx::Factor& b, int64_t rows, int64_t columns,
             int64_t depth, const amx::Block& to, bool more = false) {
  amx::Half *left = packed(kLeft, rows, depth), *right = packed(kRight, columns, depth);
  if (!amx::pack(amx::Which::left, a, rows, depth, left) ||
      !amx::pack(amx::Which::right, b, columns, depth, right)) {
    return plain_product(a, b, rows, columns, depth, to, more);
  }
  const int64_t panel = amx::panel_of(depth);
  for (int64_t j = 0; j < columns; j += PAIR) {
    for (int64_t i = 0; i < rows; i += PAIR) {
      const amx::Block here{to.start + i * to.row + j, to.row};
      amx::multiply(left + i / amx::SIDE * panel, right + j / amx::SIDE * panel, depth, here,
                    std::min(PAIR, rows - i), std::min(PAIR, columns - j), more);
    }
  }
}

// What all heads share. Arrays are (batch, time, heads, depth); a mask is (batch or 1, heads or 1,
// queries or 1, keys).
struct Job {
  int64_t batch, queries, keys, heads, depth, value_depth;
  float scale;
  bool causal;
  const uint8_t* mask = nullptr;  // none
  int64_t mask_batch, mask_head, mask_query;  // numbers from one to the next, 0 for the same

  Job(const Floats& query, const Floats& value, const Flags& mask, float scale, bool causal)
      : batch(query.dimensions()[0]),
        queries(query.dimensions()[1]),
        keys(value.dimensions()[1]),
        heads(query.dimensions()[2]),
        depth(query.dimensions()[3]),
        value_depth(value.dimensions()[3]),
        scale(scale),
        causal(causal) {
    const auto sizes = mask.dimensions();
    if (mask.element_count()) this->mask = static_cast<const uint8_t*>(mask.untyped_data());
    mask_query = sizes[2] == 1 ? 0 : sizes[3];
    mask_head = sizes[1] == 1 ? 0 : sizes[2] * sizes[3];
    mask_batch = sizes[0] == 1 ? 0 : sizes[1] * sizes[2] * sizes[3];
  }

  double work() const { return 2.0 * batch * heads * queries * keys * (depth + value_depth); }
};

// One head of one example.
struct Head {
  const Job& job;
  int64_t example, head;

  int64_t start(int64_t time, int64_t depth) const {
    return (example * time * job.heads + head) * depth;
  }
  Matrix of(const float* x, int64_t time, int64_t depth) const {
    return {x + start(time, depth), job.heads * depth};
  }
  amx::Block block(float* x, int64_t time, int64_t depth, int64_t row = 0) const {
    return {x + start(time, depth) + row * job.heads * depth, job.heads * depth};
  }
  const uint8_t* seen(int64_t query) const {
    if (job.mask == nullptr) return nullptr;
    return job.mask + example * job.mask_batch + head * job.mask_head + query * job.mask_query;
  }
  int64_t many(int64_t query) const {
    return job.causal ? std::min(query + 1, job.keys) : job.keys;
  }
};

// f(head) for every head of every example.
template <class F>
void each_head(const Job& job, F&& f) {
  in_pieces(job.batch * job.heads, 1, [&](int64_t begin, int64_t end) {
    const amx::Tiles tiles;
    for (int64_t i = begin; i < end; ++i) f(Head{job, i / job.heads, i % job.heads});
  });
}

Matrix below(const Matrix& m, int64_t rows) { return {m.start + rows * m.row, m.row}; }

// Weights of queries from, from + 1 ...: (count, keys).
void weights_of(const Head& head, const Matrix& query, const Matrix& key, int64_t from,
                int64_t count, float* weights) {
  const Job& job = head.job;
  product(below(query, from).rows(), key.rows(), count, job.keys, job.depth, {weights, job.keys});
  for (int64_t i = 0; i < count; ++i) {
    wide::weigh(weights + i * job.keys, job.keys, job.scale, head.seen(from + i),
                head.many(from + i));
  }
}

ffi::Error Attention(ffi::ThreadPool pool, Floats query, Floats key, Floats value, Flags mask,
                     float scale, bool causal, Out y) {
  const Job job(query, value, mask, scale, causal);
  return run(job.work(), pool, [&] {
    each_head(job, [&](const Head& head) {
      const Matrix q = head.of(query.typed_data(), job.queries, job.depth);
      const Matrix k = head.of(key.typed_data(), job.keys, job.depth);
      const Matrix v = head.of(value.typed_data(), job.keys, job.value_depth);
      float* weights = floats(kWeights, QUERIES * job.keys);
      for (int64_t from = 0; from < job.queries; from += QUERIES) {
        const int64_t count = std::min(QUERIES, job.queries - from);
        weights_of(head, q, k, from, count, weights);
        product({weights, job.keys, 1}, v.columns(), count, job.value_depth, job.keys,
                head.block(y->typed_data(), job.queries, job.value_depth, from));
      }
    });
  });
}

ffi::Error AttentionBack(ffi::ThreadPool pool, Floats query, Floats key, Floats value, Flags mask,
                         Floats dy, float scale, bool causal, Out by_query, Out by_key,
                         Out by_value) {
  const Job job(query, value, mask, scale, causal);
  return run(job.work(), pool, [&] {
    each_head(job, [&](const Head& head) {
      const Matrix q = head.of(query.typed_data(), job.queries, job.depth);
      const Matrix k = head.of(key.typed_data(), job.keys, job.depth);
      const Matrix v = head.of(value.typed_data(), job.keys, job.value_depth);
      const Matrix slope = head.of(dy.typed_data(), job.queries, job.value_depth);
      float* weights = floats(kWeights, QUERIES * job.keys);
      float* slopes = floats(kSlopes, QUERIES * job.keys);
      for (int64_t from = 0; from < job.queries; from += QUERIES) {
        const int64_t count = std::min(QUERIES, job.queries - from);
        const Matrix here = below(slope, from);
        weights_of(head, q, k, from, count, weights);
        product(here.rows(), v.rows(), count, job.keys, job.value_depth, {slopes, job.keys});
        product({weights, 1, job.keys}, here.columns(), job.keys, job.value_depth, count,
                head.block(by_value->typed_data(), job.keys, job.value_depth), from > 0);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = i * job.keys;
          wide::weigh_back(weights + at, slopes + at, job.keys, job.scale, head.seen(from + i),
                           head.many(from + i));
        }
        product({slopes, job.keys, 1}, k.columns(), count, job.depth, job.keys,
                head.block(by_query->typed_data(), job.queries, job.depth, from));
        product({slopes, 1, job.keys}, below(q, from).columns(), job.keys, job.depth, count,
                head.block(by_key->typed_data(), job.keys, job.depth), from > 0);
      }
    });
  });
}

XLA_FFI_DEFINE_HANDLER(cornu_attention, Attention,
                       ffi::Ffi::Bind()
                           .Ctx<ffi::ThreadPool>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Flags>()
                           .Attr<float>("scale")
                           .Attr<bool>("causal")
                           .Ret<Floats>());
XLA_FFI_DEFINE_HANDLER(cornu_attention_back, AttentionBack,
                       ffi::Ffi::Bind()
                           .Ctx<ffi::ThreadPool>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Flags>()
                           .Arg<Floats>()
                           .Attr<float>("scale")
                           .Attr<bool>("causal")
                           .Ret<Floats>()
                           .Ret<Floats>()
                           .Ret<Floats>());

const bool added = amx::usable() &&
                   add_handler("cornu_attention", (XLA_FFI_Handler*)cornu_attention) &&
                   add_handler("cornu_attention_back", (XLA_FFI_Handler*)cornu_attention_back);

}  // namespace
}  // namespace cornu
