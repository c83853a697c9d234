// Convolution of any rank, channels last, by oneDNN: forward, gradient of the data, of the weights.
//
// x (batch, *space, channels), w (*window, channels / groups, filters), y (batch, *space, filters).
// oneDNN gets x and y where they lie and chooses the order of the weights, which are few. What
// `winograd` and `few` take is theirs.
//
// A forward convolution may add a bias and cut what is below zero. The bias is oneDNN's, the cut is
// ours: oneDNN's (eltwise_relu, eltwise_clip_v2, binary_max) turn NaN into 0, and a leaky one keeps
// -inf. It is made once y is there: cutting some rows at a time, while they were in the cache, was
// no faster for any of eight shapes.
#include <optional>

#include "common.h"
#include "few.h"
#include "winograd.h"

namespace cornu {
namespace {

using dnnl::memory;
using Numbers = ffi::Span<const int64_t>;

// Multiplications in the time that it takes to move one number: what `SMALL` counts.
constexpr double kAtOnce = 10;

enum class Way { kForward, kData, kWeights, kBias };

// What a convolution is, as oneDNN names it: axes in the order (batch, channels, *space).
struct Geometry {
  memory::dims x, w, y, strides, dilation, low, high;
  int64_t groups;
  memory::data_type type;
  bool direct = false;  // whether sums are to be taken as they are written

  bool empty() const {
    for (const auto* dims : {&x, &w, &y})
      for (auto n : *dims)
        if (n == 0) return true;
    return false;
  }
  double work() const {  // multiplications
    double n = 1;
    for (auto d : y) n *= d;
    for (size_t i = groups > 1 ? 2 : 1; i < w.size(); ++i) n *= w[i];
    return n;
  }
  Key key(const char* what) const {
    Key k(what);
    k.all(x).all(w).all(y).all(strides).all(dilation).all(low).all(high).add(groups);
    k.add(static_cast<int64_t>(type));
    return k;
  }
};

memory::dims channels_second(Numbers dims) {
  memory::dims out{dims[0], dims.back()};
  out.insert(out.end(), dims.begin() + 1, dims.end() - 1);
  return out;
}

// (groups, filters, channels, *window), without the groups where there is one.
memory::dims of_weights(Numbers dims, int64_t groups) {
  const size_t rank = dims.size() - 2;
  memory::dims out;
  if (groups > 1) out.push_back(groups);
  out.push_back(dims[rank + 1] / groups);
  out.push_back(dims[rank]);
  out.insert(out.end(), dims.begin(), dims.begin() + rank);
  return out;
}

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

int64_t count(const memory::dims& dims) {
  int64_t size = 1;
  for (auto n : dims) size *= n;
  return size;
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
                                 {DNNL_ARG_SCRATCHPAD, at(pad, scratch(1, pad.get_size()))}});
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

const void* ordered(const Primitive& p, const void* w) {
  if (!p.reorder->needed()) return w;
  void* place = scratch(0, p.w.get_size());
  (*p.reorder)(w, place);
  return place;
}

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
  const int64_t size = count(g.y);
  parallel(size, [&](int64_t begin, int64_t end) {
    if (g.type == memory::data_type::f32)
      cut(static_cast<float*>(y) + begin, end - begin);
    else
      cut(static_cast<uint16_t*>(y) + begin, end - begin);
  });
}

// The same for `winograd`, where that is faster and allowed.
std::optional<winograd::Shape> tiled(const Geometry& g) {
  const memory::dims ones{1, 1}, none{0, 0};
  const bool threes = g.w.size() == 4 && g.groups == 1 && g.w[2] == 3 && g.w[3] == 3;
  if (!threes || g.direct || g.type != memory::data_type::f32) return {};
  if (g.strides != ones || g.dilation != none) return {};
  const winograd::Shape s{g.x[0], g.x[2], g.x[3],   g.x[1],  g.y[2],
                          g.y[3], g.y[1], g.low[0], g.low[1]};
  return winograd::takes(s) ? std::optional(s) : std::nullopt;
}

using Sizes = std::optional<few::Shape>;

// The same for `few`: a convolution in one dimension is one of pictures of one row.
Sizes onto_few(const Geometry& g) {
  const size_t rank = g.strides.size();
  if (rank > 2 || g.groups > 1 || g.type != memory::data_type::f32) return {};
  if (std::any_of(g.dilation.begin(), g.dilation.end(), [](auto n) { return n != 0; })) return {};
  const auto down = [&](const memory::dims& dims, int64_t none) {
    return rank == 2 ? dims[dims.size() - 2] : none;
  };
  const few::Shape s{g.x[0],           down(g.x, 1),   g.x.back(),   g.x[1],     down(g.y, 1),
                     g.y.back(),       g.y[1],         down(g.w, 1), g.w.back(), down(g.strides, 1),
                     g.strides.back(), down(g.low, 0), g.low.back()};
  return few::takes(s) ? Sizes(s) : std::nullopt;
}

bool in_steps_of_one(const Geometry& g) {
  return std::all_of(g.strides.begin(), g.strides.end(), [](auto n) { return n == 1; });
}

// x and y exchanged: the convolution of the slopes that has a window turned round, and gives what
// the gradient of the data is; in steps of one.
Geometry exchanged(const Geometry& g) {
  Geometry back = g;
  std::swap(back.x, back.y);
  const size_t first = g.groups > 1 ? 1 : 0, rank = g.strides.size();
  std::swap(back.w[first], back.w[first + 1]);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t reach = (g.w[first + 2 + i] - 1) * (g.dilation[i] + 1);
    back.low[i] = reach - g.low[i];
    back.high[i] = reach - g.high[i];
  }
  return back;
}

bool within(const Geometry& g) {
  const auto negative = [](auto n) { return n < 0; };
  return std::none_of(g.low.begin(), g.low.end(), negative) &&
         std::none_of(g.high.begin(), g.high.end(), negative);
}

// The gradient of the data as a convolution onto few.
Sizes back_onto_few(const Geometry& g) {
  if (g.groups > 1 || !in_steps_of_one(g)) return {};
  const Geometry back = exchanged(g);
  return within(back) ? onto_few(back) : std::nullopt;
}

// Whether the gradient of the weights is better that of the convolution with x and y exchanged:
// oneDNN is fast from few channels and slow to few filters. Its sums are then as exact as those of
// first layers: 3e-6 of the largest for 128 pictures of 28x28, instead of 6e-7.
bool from_few(const Geometry& g) {
  return g.y[1] < g.x[1] && onto_few(g) && in_steps_of_one(g) && within(exchanged(g));
}

// The window turned round, (..., channels, filters) -> (..., filters, channels).
void turn(const memory::dims& w, const float* from, float* to) {
  const int64_t filters = w[0], channels = w[1];
  int64_t places = 1;
  for (size_t i = 2; i < w.size(); ++i) places *= w[i];
  for (int64_t place = places; place-- > 0;) {
    for (int64_t f = 0; f < filters; ++f)
      for (int64_t c = 0; c < channels; ++c) *to++ = from[(place * channels + c) * filters + f];
  }
}

float* turned(const Geometry& g) {
  return static_cast<float*>(scratch(2, count(g.w) * sizeof(float)));
}

// Whether the gradient of this kind is computed by `winograd` or `few`.
bool is_ours(Way way, const Geometry& g) {
  if (tiled(g)) return true;
  return way == Way::kData ? back_onto_few(g).has_value()
                           : way != Way::kWeights && onto_few(g).has_value();
}

const float* floats(const void* numbers) { return static_cast<const float*>(numbers); }
float* floats(void* numbers) { return static_cast<float*>(numbers); }

// `bias` may be null.
void forward(const Geometry& g, const void* x, const void* w, const void* bias, bool relu,
             void* y) {
  if (const auto s = tiled(g))
    return winograd::forward(*s, floats(x), floats(w), floats(bias), relu, floats(y));
  if (const auto s = onto_few(g))
    return few::forward(*s, floats(x), floats(w), floats(bias), relu, floats(y));
  const auto p = primitive(bias == nullptr ? Way::kForward : Way::kBias, g);
  std::unordered_map<int, memory> args{
      {DNNL_ARG_SRC, at(p->x, x)},
      {DNNL_ARG_WEIGHTS, at(p->w, ordered(*p, w))},
      {DNNL_ARG_DST, at(p->y, y)},
      {DNNL_ARG_SCRATCHPAD, at(p->pad, scratch(1, p->pad.get_size()))}};
  if (bias != nullptr) args[DNNL_ARG_BIAS] = at(of_bias(g), bias);
  p->primitive.execute(stream(), args);
  if (relu) cut(g, y);
}

void data(const Geometry& g, const void* dy, const void* w, void* dx) {
  if (const auto s = tiled(g)) return winograd::data(*s, floats(dy), floats(w), floats(dx));
  if (const auto s = back_onto_few(g)) {
    turn(g.w, floats(w), turned(g));
    return few::forward(*s, floats(dy), turned(g), nullptr, false, floats(dx));
  }
  const auto p = primitive(Way::kData, g);
  const void* weights = ordered(*p, w);
  p->primitive.execute(stream(),
                       {{DNNL_ARG_DIFF_DST, at(p->y, dy)},
                        {DNNL_ARG_WEIGHTS, at(p->w, weights)},
                        {DNNL_ARG_DIFF_SRC, at(p->x, dx)},
                        {DNNL_ARG_SCRATCHPAD, at(p->pad, scratch(1, p->pad.get_size()))}});
}

void weights(const Geometry& g, const void* x, const void* dy, void* dw) {
  if (const auto s = tiled(g)) return winograd::weights(*s, floats(x), floats(dy), floats(dw));
  if (from_few(g)) {
    const Geometry back = exchanged(g);
    weights(back, dy, x, turned(g));
    return turn(back.w, turned(g), floats(dw));
  }
  const auto p = primitive(Way::kWeights, g);
  const bool turn = p->reorder->needed();
  void* place = turn ? scratch(0, p->w.get_size()) : dw;
  p->primitive.execute(stream(),
                       {{DNNL_ARG_SRC, at(p->x, x)},
                        {DNNL_ARG_DIFF_DST, at(p->y, dy)},
                        {DNNL_ARG_DIFF_WEIGHTS, at(p->w, place)},
                        {DNNL_ARG_SCRATCHPAD, at(p->pad, scratch(1, p->pad.get_size()))}});
  if (turn) (*p->reorder)(place, dw);
}

// ---------------------------------------------------------------- handlers

memory::data_type type_of(ffi::DataType type) {
  if (type == ffi::F32) return memory::data_type::f32;
  if (type == ffi::BF16) return memory::data_type::bf16;
  throw std::invalid_argument("convolution takes float32 and bfloat16");
}

Geometry geometry(Numbers x, Numbers w, Numbers y, Numbers strides, Numbers dilation, Numbers low,
                  Numbers high, int64_t groups, ffi::DataType type, bool direct) {
  auto dims = [](Numbers n) { return memory::dims(n.begin(), n.end()); };
  Geometry g{channels_second(x), of_weights(w, groups),
             channels_second(y), dims(strides),
             dims(dilation),     dims(low),
             dims(high),         groups,
             type_of(type),      direct};
  for (auto& d : g.dilation) d -= 1;  // oneDNN counts what lies between
  return g;
}

// Only what is oneDNN's needs its team.
template <class F>
ffi::Error computed(Way way, const Geometry& g, ffi::ThreadPool& pool, F&& f) {
  const double work = g.work() / kAtOnce;
  return is_ours(way, g) ? run(work, pool, f) : run(work, f);
}

ffi::Error forward(ffi::ThreadPool& pool, ffi::AnyBuffer x, ffi::AnyBuffer w, const void* bias,
                   bool relu, ffi::Result<ffi::AnyBuffer> y, Numbers strides, Numbers dilation,
                   Numbers low, Numbers high, int64_t groups, bool direct) {
  const Geometry g = geometry(x.dimensions(), w.dimensions(), y->dimensions(), strides, dilation,
                              low, high, groups, x.element_type(), direct);
  if (g.empty()) {
    if (y->size_bytes() && bias != nullptr)
      return ffi::Error::InvalidArgument("a bias, and nothing to add it to");
    if (y->size_bytes()) std::memset(y->untyped_data(), 0, y->size_bytes());
    return ffi::Error::Success();
  }
  return computed(Way::kForward, g, pool, [&] {
    forward(g, x.untyped_data(), w.untyped_data(), bias, relu, y->untyped_data());
  });
}

ffi::Error ConvForward(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::AnyBuffer w,
                       ffi::Result<ffi::AnyBuffer> y, Numbers strides, Numbers dilation,
                       Numbers low, Numbers high, int64_t groups, bool direct) {
  return forward(pool, x, w, nullptr, false, y, strides, dilation, low, high, groups, direct);
}

ffi::Error ConvFused(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::AnyBuffer w, ffi::AnyBuffer bias,
                     ffi::Result<ffi::AnyBuffer> y, bool relu, Numbers strides, Numbers dilation,
                     Numbers low, Numbers high, int64_t groups, bool direct) {
  return forward(pool, x, w, bias.untyped_data(), relu, y, strides, dilation, low, high, groups,
                 direct);
}

ffi::Error ConvData(ffi::ThreadPool pool, ffi::AnyBuffer dy, ffi::AnyBuffer w,
                    ffi::Result<ffi::AnyBuffer> dx, Numbers strides, Numbers dilation, Numbers low,
                    Numbers high, int64_t groups, bool direct) {
  const Geometry g = geometry(dx->dimensions(), w.dimensions(), dy.dimensions(), strides, dilation,
                              low, high, groups, dy.element_type(), direct);
  if (g.empty()) {
    if (dx->size_bytes()) std::memset(dx->untyped_data(), 0, dx->size_bytes());
    return ffi::Error::Success();
  }
  return computed(Way::kData, g, pool,
             [&] { data(g, dy.untyped_data(), w.untyped_data(), dx->untyped_data()); });
}

ffi::Error ConvWeights(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::AnyBuffer dy,
                       ffi::Result<ffi::AnyBuffer> dw, Numbers strides, Numbers dilation,
                       Numbers low, Numbers high, int64_t groups, bool direct) {
  const Geometry g = geometry(x.dimensions(), dw->dimensions(), dy.dimensions(), strides, dilation,
                              low, high, groups, x.element_type(), direct);
  if (g.empty()) {
    if (dw->size_bytes()) std::memset(dw->untyped_data(), 0, dw->size_bytes());
    return ffi::Error::Success();
  }
  return computed(Way::kWeights, g, pool,
             [&] { weights(g, x.untyped_data(), dy.untyped_data(), dw->untyped_data()); });
}

#define CORNU_GEOMETRY           \
  .Attr<Numbers>("strides")      \
      .Attr<Numbers>("dilation") \
      .Attr<Numbers>("low")      \
      .Attr<Numbers>("high")     \
      .Attr<int64_t>("groups")   \
      .Attr<bool>("direct")

CORNU_HANDLER(cornu_conv, ConvForward,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Ret<ffi::AnyBuffer>() CORNU_GEOMETRY);
CORNU_HANDLER(cornu_conv_fused, ConvFused,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Ret<ffi::AnyBuffer>()
                  .Attr<bool>("relu") CORNU_GEOMETRY);
CORNU_HANDLER(cornu_conv_data, ConvData,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Ret<ffi::AnyBuffer>() CORNU_GEOMETRY);
CORNU_HANDLER(cornu_conv_weights, ConvWeights,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Ret<ffi::AnyBuffer>() CORNU_GEOMETRY);

}  // namespace
}  // namespace cornu

// How a convolution would be computed: "winograd", "few", what oneDNN has ("brgconv:avx512_core",
// say), or "" where it has nothing.
// `numbers`: rank, groups, 0 for float32 or 1 for bfloat16, then the shapes of x, w and y,
// strides, dilation, padding before and behind. `way`: 0 forward, 1 data, 2 weights.
CORNU_EXPORT const char* cornu_conv_by(int way, const int64_t* numbers) {
  using namespace cornu;
  thread_local std::string name;
  const size_t rank = numbers[0];
  const int64_t* next = numbers + 3;
  auto take = [&](size_t n) {
    const int64_t* start = next;
    next += n;
    return Numbers(start, n);
  };
  try {
    const Numbers x = take(rank + 2), w = take(rank + 2), y = take(rank + 2);
    const Numbers strides = take(rank), dilation = take(rank), low = take(rank), high = take(rank);
    const auto type = numbers[2] ? ffi::BF16 : ffi::F32;
    const Geometry g = geometry(x, w, y, strides, dilation, low, high, numbers[1], type, false);
    name = tiled(g)                            ? "winograd"
           : is_ours(static_cast<Way>(way), g) ? "few"
           : way == 2 && from_few(g)           ? weights_of(exchanged(g)).impl_info_str()
           : way == 0                          ? forward_of(g, false).impl_info_str()
           : way == 1                          ? data_of(g).impl_info_str()
                                               : weights_of(g).impl_info_str();
  } catch (const std::exception&) {
    name = "";
  }
  return name.c_str();
}
