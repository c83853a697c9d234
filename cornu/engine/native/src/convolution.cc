// Convolution of any rank, channels last: forward, gradient of the data, of the weights.
//
// x (batch, *space, channels), w (*window, channels / groups, filters), y (batch, *space, filters).
// What `winograd`, `few` and `stem` take is theirs, everything else is oneDNN's. A forward
// convolution may add a bias and cut what is below zero.
#include <optional>

#include "few.h"
#include "onednn.h"
#include "stem.h"
#include "winograd.h"

namespace cornu {
namespace {

using dnnl::memory;
using Numbers = ffi::Span<const int64_t>;

// Multiplications in the time that it takes to move one number: what `SMALL` counts.
constexpr double kAtOnce = 10;

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

// The shape for `winograd`, where that is faster and allowed.
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

// The same for `few` and `stem`: a convolution in one dimension is one of pictures of one row.
Sizes of_pictures(const Geometry& g) {
  const size_t rank = g.strides.size();
  if (rank > 2 || g.groups > 1 || g.type != memory::data_type::f32) return {};
  if (std::any_of(g.dilation.begin(), g.dilation.end(), [](auto n) { return n != 0; })) return {};
  const auto down = [&](const memory::dims& dims, int64_t none) {
    return rank == 2 ? dims[dims.size() - 2] : none;
  };
  return few::Shape{g.x[0],           down(g.x, 1),   g.x.back(),   g.x[1],     down(g.y, 1),
                    g.y.back(),       g.y[1],         down(g.w, 1), g.w.back(), down(g.strides, 1),
                    g.strides.back(), down(g.low, 0), g.low.back()};
}

Sizes onto_few(const Geometry& g) {
  const Sizes s = of_pictures(g);
  return s && few::takes(*s) ? s : std::nullopt;
}

// The gradient of the weights, from few channels.
Sizes of_stem(const Geometry& g) {
  const Sizes s = of_pictures(g);
  return s && stem::takes(*s) ? s : std::nullopt;
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

// Which of our own kernels computes it, or "".
const char* ours(Way way, const Geometry& g) {
  if (tiled(g)) return "winograd";
  if (way == Way::kWeights) return of_stem(from_few(g) ? exchanged(g) : g) ? "stem" : "";
  return (way == Way::kData ? back_onto_few(g) : onto_few(g)) ? "few" : "";
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
  onednn::forward(g, x, w, bias, relu, y);
}

void data(const Geometry& g, const void* dy, const void* w, void* dx) {
  if (const auto s = tiled(g)) return winograd::data(*s, floats(dy), floats(w), floats(dx));
  if (const auto s = back_onto_few(g)) {
    turn(g.w, floats(w), turned(g));
    return few::forward(*s, floats(dy), turned(g), nullptr, false, floats(dx));
  }
  onednn::data(g, dy, w, dx);
}

void weights(const Geometry& g, const void* x, const void* dy, void* dw) {
  if (const auto s = tiled(g)) return winograd::weights(*s, floats(x), floats(dy), floats(dw));
  if (from_few(g)) {
    const Geometry back = exchanged(g);
    weights(back, dy, x, turned(g));
    return turn(back.w, turned(g), floats(dw));
  }
  if (const auto s = of_stem(g)) return stem::weights(*s, floats(x), floats(dy), floats(dw));
  onednn::weights(g, x, dy, dw);
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

// Only what oneDNN computes as a whole needs its team.
template <class F>
ffi::Error computed(Way way, const Geometry& g, ffi::ThreadPool& pool, F&& f) {
  const double work = g.work() / kAtOnce;
  return *ours(way, g) != 0 || onednn::in_parts(way, g) ? run(work, pool, f) : run(work, f);
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

// How a convolution would be computed: "winograd", "few", "stem", what oneDNN has
// ("brgconv:avx512_core", say), or "" where it has nothing.
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
    const Way wanted = static_cast<Way>(way);
    name = ours(wanted, g);
    if (name.empty()) name = onednn::name(wanted, way == 2 && from_few(g) ? exchanged(g) : g);
  } catch (const std::exception&) {
    name = "";
  }
  return name.c_str();
}
