// Convolution of any rank, channels last, by oneDNN: forward, gradient of the data, of the weights.
//
// x (batch, *space, channels), w (*window, channels / groups, filters), y (batch, *space, filters).
// oneDNN gets x and y where they lie and chooses the order of the weights, which are few.
#include "common.h"

namespace cornu {
namespace {

using dnnl::memory;
using Numbers = ffi::Span<const int64_t>;

// Multiplications in the time that it takes to move one number: what `SMALL` counts.
constexpr double kAtOnce = 10;

enum class Way { kForward, kData, kWeights };

// What a convolution is, as oneDNN names it: axes in the order (batch, channels, *space).
struct Geometry {
  memory::dims x, w, y, strides, dilation, low, high;
  int64_t groups;
  memory::data_type type;

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

Forward::primitive_desc forward_of(const Geometry& g, bool training) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  const auto kind =
      training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  return {cpu(),     kind,       kDirect, plain_data(g.x, g.type), any, plain_data(g.y, g.type),
          g.strides, g.dilation, g.low,   g.high,                  own_scratchpad()};
}

Data::primitive_desc data_of(const Geometry& g) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  return {cpu(),      kDirect, plain_data(g.x, g.type), any,
          plain_data(g.y, g.type), g.strides, g.dilation, g.low, g.high,
          forward_of(g, true), own_scratchpad()};
}

Weights::primitive_desc weights_of(const Geometry& g) {
  const memory::desc any(g.w, g.type, memory::format_tag::any);
  return {cpu(), kDirect, plain_data(g.x, g.type), any,
          plain_data(g.y, g.type), g.strides, g.dilation, g.low, g.high,
          forward_of(g, true), own_scratchpad()};
}

Primitive make(Way way, const Geometry& g) {
  Primitive p{{}, plain_data(g.x, g.type), {}, plain_data(g.y, g.type)};
  const memory::desc plain = plain_weights(g.w, g.groups, g.type);
  if (way == Way::kForward) {
    const auto made = forward_of(g, false);
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
  const char* names[] = {"forward", "data", "weights"};
  return cache->get(g.key(names[static_cast<int>(way)]), [&] { return make(way, g); });
}

const void* ordered(const Primitive& p, const void* w) {
  if (!p.reorder->needed()) return w;
  void* place = scratch(0, p.w.get_size());
  (*p.reorder)(w, place);
  return place;
}

void forward(const Geometry& g, const void* x, const void* w, void* y) {
  const auto p = primitive(Way::kForward, g);
  const void* weights = ordered(*p, w);
  p->primitive.execute(stream(),
                       {{DNNL_ARG_SRC, at(p->x, x)},
                        {DNNL_ARG_WEIGHTS, at(p->w, weights)},
                        {DNNL_ARG_DST, at(p->y, y)},
                        {DNNL_ARG_SCRATCHPAD, at(p->pad, scratch(1, p->pad.get_size()))}});
}

void data(const Geometry& g, const void* dy, const void* w, void* dx) {
  const auto p = primitive(Way::kData, g);
  const void* weights = ordered(*p, w);
  p->primitive.execute(stream(),
                       {{DNNL_ARG_DIFF_DST, at(p->y, dy)},
                        {DNNL_ARG_WEIGHTS, at(p->w, weights)},
                        {DNNL_ARG_DIFF_SRC, at(p->x, dx)},
                        {DNNL_ARG_SCRATCHPAD, at(p->pad, scratch(1, p->pad.get_size()))}});
}

void weights(const Geometry& g, const void* x, const void* dy, void* dw) {
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
                  Numbers high, int64_t groups, ffi::DataType type) {
  auto dims = [](Numbers n) { return memory::dims(n.begin(), n.end()); };
  Geometry g{channels_second(x), of_weights(w, groups), channels_second(y), dims(strides),
             dims(dilation),     dims(low),             dims(high),         groups,
             type_of(type)};
  for (auto& d : g.dilation) d -= 1;  // oneDNN counts what lies between
  return g;
}

ffi::Error ConvForward(ffi::AnyBuffer x, ffi::AnyBuffer w, ffi::Result<ffi::AnyBuffer> y,
                       Numbers strides, Numbers dilation, Numbers low, Numbers high,
                       int64_t groups) {
  const Geometry g = geometry(x.dimensions(), w.dimensions(), y->dimensions(), strides, dilation,
                              low, high, groups, x.element_type());
  if (g.empty()) {
    if (y->size_bytes()) std::memset(y->untyped_data(), 0, y->size_bytes());
    return ffi::Error::Success();
  }
  return run(g.work() / kAtOnce, [&] {
    forward(g, x.untyped_data(), w.untyped_data(), y->untyped_data());
  });
}

ffi::Error ConvData(ffi::AnyBuffer dy, ffi::AnyBuffer w, ffi::Result<ffi::AnyBuffer> dx,
                    Numbers strides, Numbers dilation, Numbers low, Numbers high, int64_t groups) {
  const Geometry g = geometry(dx->dimensions(), w.dimensions(), dy.dimensions(), strides, dilation,
                              low, high, groups, dy.element_type());
  if (g.empty()) {
    if (dx->size_bytes()) std::memset(dx->untyped_data(), 0, dx->size_bytes());
    return ffi::Error::Success();
  }
  return run(g.work() / kAtOnce, [&] { data(g, dy.untyped_data(), w.untyped_data(), dx->untyped_data()); });
}

ffi::Error ConvWeights(ffi::AnyBuffer x, ffi::AnyBuffer dy, ffi::Result<ffi::AnyBuffer> dw,
                       Numbers strides, Numbers dilation, Numbers low, Numbers high,
                       int64_t groups) {
  const Geometry g = geometry(x.dimensions(), dw->dimensions(), dy.dimensions(), strides, dilation,
                              low, high, groups, x.element_type());
  if (g.empty()) {
    if (dw->size_bytes()) std::memset(dw->untyped_data(), 0, dw->size_bytes());
    return ffi::Error::Success();
  }
  return run(g.work() / kAtOnce, [&] {
    weights(g, x.untyped_data(), dy.untyped_data(), dw->untyped_data());
  });
}

#define CORNU_GEOMETRY              \
  .Attr<Numbers>("strides")         \
      .Attr<Numbers>("dilation")    \
      .Attr<Numbers>("low")         \
      .Attr<Numbers>("high")        \
      .Attr<int64_t>("groups")

CORNU_HANDLER(cornu_conv, ConvForward,
              ffi::Ffi::Bind().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
                  CORNU_GEOMETRY);
CORNU_HANDLER(cornu_conv_data, ConvData,
              ffi::Ffi::Bind().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
                  CORNU_GEOMETRY);
CORNU_HANDLER(cornu_conv_weights, ConvWeights,
              ffi::Ffi::Bind().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
                  CORNU_GEOMETRY);

}  // namespace
}  // namespace cornu

// How oneDNN would compute a convolution, "brgconv:avx512_core" say, or "" where it cannot.
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
    const Geometry g = geometry(x, w, y, strides, dilation, low, high, numbers[1], type);
    name = way == 0   ? forward_of(g, false).impl_info_str()
           : way == 1 ? data_of(g).impl_info_str()
                      : weights_of(g).impl_info_str();
  } catch (const std::exception&) {
    name = "";
  }
  return name.c_str();
}
