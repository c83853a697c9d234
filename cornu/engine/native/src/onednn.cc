// Convolution by oneDNN: which of its kernels, and on which threads.
//
// oneDNN gets x and y where they lie and chooses the order of the weights, which are few.
//
// A bias is oneDNN's, the cut below zero is ours: oneDNN's (eltwise_relu, eltwise_clip_v2,
// binary_max) turn NaN into 0, and a leaky one keeps -inf. It is made once y is there: cutting some
// rows at a time, while they were in the cache, was no faster for any of eight shapes.
#include "onednn.h"

#include <optional>

namespace cornu {

bool Geometry::empty() const {
  for (const auto* dims : {&x, &w, &y})
    for (auto n : *dims)
      if (n == 0) return true;
  return false;
}

double Geometry::work() const {
  double n = 1;
  for (auto d : y) n *= d;
  for (size_t i = groups > 1 ? 2 : 1; i < w.size(); ++i) n *= w[i];
  return n;
}

Key Geometry::key(const char* what) const {
  Key k(what);
  k.all(x).all(w).all(y).all(strides).all(dilation).all(low).all(high).add(groups);
  k.add(static_cast<int64_t>(type));
  return k;
}

int64_t count(const dnnl::memory::dims& dims) {
  int64_t size = 1;
  for (auto n : dims) size *= n;
  return size;
}

namespace onednn {
namespace {

using dnnl::memory;

// Memory of a thread. What is in kOrdered and kSums is read by all while a kernel runs; slot 2 is
// that of who calls.
enum Slot { kOrdered, kPad, kSums = 3, kOwn };

memory::desc plain_data(const memory::dims& dims, memory::data_type type) {
  using Tag = memory::format_tag;
  const Tag tag = dims.size() == 3 ? Tag::nwc : dims.size() == 4 ? Tag::nhwc : Tag::ndhwc;
  return {dims, type, tag};
}

memory::desc plain_weights(const memory::dims& dims, int64_t groups, memory::data_type type) {
  const size_t first = groups > 1 ? 1 : 0;  // the axis of filters
  memory::dims strides(dims.size());
  int64_t step = dims[first] * groups;
  strides[first] = 1;
  if (groups > 1) strides[0] = dims[1];
  strides[first + 1] = step;
  step *= dims[first + 1];
  for (size_t i = dims.size(); i-- > first + 2;) {
    strides[i] = step;
    step *= dims[i];
  }
  return {dims, type, strides};
}

dnnl::primitive_attr own_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

memory at(const memory::desc& desc, const void* data) {
  return memory(desc, cpu(), const_cast<void*>(data));
}

// A change of order between plain weights and those that a primitive wants.
struct Reorder {
  memory::desc from, to, pad;
  dnnl::reorder primitive;

  Reorder(const memory::desc& from, const memory::desc& to) : from(from), to(to) {
    if (from == to) return;
    dnnl::reorder::primitive_desc made(cpu(), from, cpu(), to, own_scratchpad());
    pad = made.scratchpad_desc();
    primitive = dnnl::reorder(made);
  }
  bool needed() const { return static_cast<bool>(primitive); }
  void operator()(const void* source, void* target) const {
    primitive.execute(stream(), {{DNNL_ARG_FROM, at(from, source)},
                                 {DNNL_ARG_TO, at(to, target)},
                                 {DNNL_ARG_SCRATCHPAD, at(pad, scratch(kPad, pad.get_size()))}});
  }
};

struct Primitive {
  dnnl::primitive primitive;
  memory::desc x, w, y, pad;
  std::shared_ptr<Reorder> reorder;
};

using Forward = dnnl::convolution_forward;
using Data = dnnl::convolution_backward_data;
using Weights = dnnl::convolution_backward_weights;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

memory::desc of_bias(const Geometry& g) { return {{g.y[1]}, g.type, memory::format_tag::a}; }

// Whether oneDNN's older kernel is faster than the one it offers first: with up to 16 channels or
// filters, for data with strides with up to 32 or with windows of one number.
//
// CPU ms of one core with AVX-512, offered / older, of forward and data, batch 128 (a busy machine,
// the least of 25): 32x32x16 to 32, 3x3 / 2: 2.64/1.75, 4.44/2.55; 14x14x16 to 8, 3x3: 0.79/0.62,
// 0.46/0.32; 14x14x8 to 16: 0.44/0.30, 0.79/0.63; 7x7x8 to 8: 0.14/0.08 twice; 14x14x6 to 16, 5x5:
// 0.49/0.37, 1.59/0.94; 16x16x32 to 64, 3x3 / 2: 1.86/1.84, 2.61/1.87; 32x32x16 to 32, 1x1 / 2:
// 0.55/0.61, 1.76/0.53; batch 8: 56x56x256 to 512, 1x1 / 2: 11.1/11.3, 16.6/14.1. With 24 there is
// no difference, from 64 on the first one is faster by 3 to 20%.
bool older_is_faster(const Geometry& g, bool data) {
  const bool ones = count(g.w) == g.w[0] * g.w[1], strides = count(g.strides) > 1;
  if (ones) return data && strides;
  return std::min(g.x[1], g.y[1]) <= (data && strides ? 32 : 16);
}

// What `make` offers, or the older kernel. Copies of what oneDNN describes move on together.
template <class Make>
auto settled(const Geometry& g, bool data, Make make) {
  const auto is = [](const auto& m, const char* what) {
    return std::string(m.impl_info_str()).find(what) != std::string::npos;
  };
  const auto made = make();
  if (!is(made, "brg") || !is(made, "avx512") || g.groups > 1) return made;
  if (g.type != memory::data_type::f32 || !older_is_faster(g, data)) return made;
  auto next = make();
  return next.next_impl() && is(next, "jit") && is(next, "avx512") ? next : made;
}

Forward::primitive_desc forward_of(const Geometry& g, bool training, bool bias = false) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  const auto kind =
      training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  return settled(g, false, [&] {
    return Forward::primitive_desc(cpu(), kind, kDirect, plain_data(g.x, g.type), any,
                                   bias ? of_bias(g) : memory::desc(), plain_data(g.y, g.type),
                                   g.strides, g.dilation, g.low, g.high, own_scratchpad());
  });
}

Data::primitive_desc data_of(const Geometry& g) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  const auto hint = forward_of(g, true);
  return settled(g, true, [&] {
    return Data::primitive_desc(cpu(), kDirect, plain_data(g.x, g.type), any,
                                plain_data(g.y, g.type), g.strides, g.dilation, g.low, g.high, hint,
                                own_scratchpad());
  });
}

Weights::primitive_desc weights_of(const Geometry& g) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  return {cpu(),
          kDirect,
          plain_data(g.x, g.type),
          any,
          plain_data(g.y, g.type),
          g.strides,
          g.dilation,
          g.low,
          g.high,
          forward_of(g, true),
          own_scratchpad()};
}

Primitive make(Way way, const Geometry& g) {
  Primitive p{{}, plain_data(g.x, g.type), {}, plain_data(g.y, g.type)};
  const memory::desc plain = plain_weights(g.w, g.groups, g.type);
  if (way == Way::kForward || way == Way::kBias) {
    const auto made = forward_of(g, false, way == Way::kBias);
    p.primitive = Forward(made), p.w = made.weights_desc(), p.pad = made.scratchpad_desc();
  } else if (way == Way::kData) {
    const auto made = data_of(g);
    p.primitive = Data(made), p.w = made.weights_desc(), p.pad = made.scratchpad_desc();
  } else {
    const auto made = weights_of(g);
    p.primitive = Weights(made), p.w = made.diff_weights_desc(), p.pad = made.scratchpad_desc();
  }
  const bool back = way == Way::kWeights;
  p.reorder = std::make_shared<Reorder>(back ? p.w : plain, back ? plain : p.w);
  return p;
}

std::shared_ptr<Primitive> primitive(Way way, const Geometry& g) {
  static auto* cache = new Cache<Primitive>(512);
  const char* names[] = {"forward", "data", "weights", "bias"};
  return cache->get(g.key(names[static_cast<int>(way)]), [&] { return make(way, g); });
}

// Some of the batch.
Geometry part(const Geometry& g, int64_t pictures) {
  Geometry found = g;
  found.x[0] = found.y[0] = pictures;
  return found;
}

// Where picture `i` of data begins.
const char* picture(const memory::dims& dims, memory::data_type type, const void* data, int64_t i) {
  const int64_t size = count(dims) / dims[0];
  return static_cast<const char*>(data) + i * size * (type == memory::data_type::f32 ? 4 : 2);
}

// Pictures that are computed at once. Less work than `SMALL` is one thread's.
int64_t at_once(Way way, const Geometry& g) {
  const bool alone = Helpers::here() == nullptr || !in_parts(way, g);
  return alone ? g.x[0] : part_of(g.x[0]);
}

// f(part, first picture) for parts of the batch, or for all of it.
template <class F>
void each_part(Way way, const Geometry& g, F&& f) {
  if (!in_parts(way, g)) return f(g, 0);
  in_pieces(g.x[0], at_once(way, g), [&](int64_t begin, int64_t end) {
    const Alone alone;
    f(part(g, end - begin), begin);
  });
}

const void* ordered(const Primitive& p, const void* w, Slot slot) {
  if (!p.reorder->needed()) return w;
  void* place = scratch(slot, p.w.get_size());
  (*p.reorder)(w, place);
  return place;
}

// Weights in the order that the first part wants, which all parts read.
class Ordered {
 public:
  Ordered(Way way, const Geometry& g, const void* w) : plain_(w) {
    const Geometry first = part(g, at_once(way, g));
    std::optional<Alone> alone;
    if (in_parts(way, g)) alone.emplace();
    const auto p = primitive(way, first);
    desc_ = p->w;
    ordered_ = ordered(*p, w, kOrdered);
  }
  memory as(const Primitive& p) const {
    return at(p.w, p.w == desc_ ? ordered_ : ordered(p, plain_, kOwn));
  }

 private:
  const void *plain_, *ordered_;
  memory::desc desc_;
};

memory pad_of(const Primitive& p) { return at(p.pad, scratch(kPad, p.pad.get_size())); }

// y where it is above zero or NaN, else 0.
CORNU_CLONES void cut(float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] <= 0.0f ? 0.0f : y[i];
}

// The same for the bits of bfloat16: a sign, and the rest of what is not NaN.
CORNU_CLONES void cut(uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    y[i] = (y[i] & 0x8000) != 0 && (y[i] & 0x7fff) <= 0x7f80 ? 0 : y[i];
}

void cut(const Geometry& g, void* y) {
  parallel(count(g.y), [&](int64_t begin, int64_t end) {
    if (g.type == memory::data_type::f32)
      cut(static_cast<float*>(y) + begin, end - begin);
    else
      cut(static_cast<uint16_t*>(y) + begin, end - begin);
  });
}

CORNU_CLONES void add(const float* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

void weights_of_part(const Geometry& g, const void* x, const void* dy, void* dw) {
  const auto p = primitive(Way::kWeights, g);
  const bool turn = p->reorder->needed();
  void* place = turn ? scratch(kOwn, p->w.get_size()) : dw;
  p->primitive.execute(stream(), {{DNNL_ARG_SRC, at(p->x, x)},
                                  {DNNL_ARG_DIFF_DST, at(p->y, dy)},
                                  {DNNL_ARG_DIFF_WEIGHTS, at(p->w, place)},
                                  {DNNL_ARG_SCRATCHPAD, pad_of(*p)}});
  if (turn) (*p->reorder)(place, dw);
}

}  // namespace

// Weights are few beside the data, or what each part does with all of them would cost too much; and
// there are as many pictures for each thread, nearly. Sums of bfloat16 are not cut in parts, each
// would be rounded.
//
// A team must be woken: that takes 60 to 95 us, and a kernel of one thread is as fast. ms in parts
// / by the team, 2 cores, the least of hundreds of calls on a busy machine, batch 128: 14x14x6 to
// 16, 5x5, forward, data, weights: 0.21/0.32, 0.52/0.65, 0.24/0.33; 32x32x16 to 32, 3x3 / 2:
// 0.95/1.03, 1.16/1.29, 1.30/1.35; 32x32x3 to 32, 3x3, forward: 0.73/0.79. CPU ms, batch 8:
// 56x56x64 to 256, 1x1, forward, data: 6.2/5.9, 8.0/7.5; 224x224x3 to 64, 7x7 / 2, weights:
// 18.9/19.3; but those of 14x14x512 to 512, 3x3: 56.7/52.2.
bool in_parts(Way way, const Geometry& g) {
  const int64_t team = threads(), pictures = g.x[0];
  const bool evenly = 5 * pictures >= 4 * part_of(pictures) * team;
  const bool few = team * count(g.w) <= count(g.x) + count(g.y);
  return evenly && few && (way != Way::kWeights || g.type == memory::data_type::f32);
}

void forward(const Geometry& g, const void* x, const void* w, const void* bias, bool relu,
             void* y) {
  const Way way = bias == nullptr ? Way::kForward : Way::kBias;
  const Ordered kernel(way, g, w);
  each_part(way, g, [&](const Geometry& some, int64_t first) {
    const auto p = primitive(way, some);
    void* to = const_cast<char*>(picture(g.y, g.type, y, first));
    std::unordered_map<int, memory> args{
        {DNNL_ARG_SRC, at(p->x, picture(g.x, g.type, x, first))},
        {DNNL_ARG_WEIGHTS, kernel.as(*p)},
        {DNNL_ARG_DST, at(p->y, to)},
        {DNNL_ARG_SCRATCHPAD, pad_of(*p)}};
    if (bias != nullptr) args[DNNL_ARG_BIAS] = at(of_bias(g), bias);
    p->primitive.execute(stream(), args);
    if (relu) cut(some, to);
  });
}

void data(const Geometry& g, const void* dy, const void* w, void* dx) {
  const Ordered kernel(Way::kData, g, w);
  each_part(Way::kData, g, [&](const Geometry& some, int64_t first) {
    const auto p = primitive(Way::kData, some);
    p->primitive.execute(stream(),
                         {{DNNL_ARG_DIFF_DST, at(p->y, picture(g.y, g.type, dy, first))},
                          {DNNL_ARG_WEIGHTS, kernel.as(*p)},
                          {DNNL_ARG_DIFF_SRC, at(p->x, picture(g.x, g.type, dx, first))},
                          {DNNL_ARG_SCRATCHPAD, pad_of(*p)}});
  });
}

// Each part has sums of its own. They are added in turn, so that a run gives the same bits as the
// next.
void weights(const Geometry& g, const void* x, const void* dy, void* dw) {
  const int64_t most = at_once(Way::kWeights, g), numbers = count(g.w);
  const int64_t parts = (g.x[0] + most - 1) / most;
  auto* sums = static_cast<float*>(scratch(kSums, (parts - 1) * numbers * sizeof(float)));
  each_part(Way::kWeights, g, [&](const Geometry& some, int64_t first) {
    void* to = first == 0 ? dw : sums + (first / most - 1) * numbers;
    weights_of_part(some, picture(g.x, g.type, x, first), picture(g.y, g.type, dy, first), to);
  });
  in_pieces(numbers, std::max<int64_t>(part_of(numbers), 1 << 15), [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < parts - 1; ++i)
      add(sums + i * numbers + begin, end - begin, static_cast<float*>(dw) + begin);
  });
}

std::string name(Way way, const Geometry& g) {
  if (way == Way::kForward) return forward_of(g, false).impl_info_str();
  if (way == Way::kData) return data_of(g).impl_info_str();
  return weights_of(g).impl_info_str();
}

}  // namespace onednn
}  // namespace cornu
