// Some rows of a picture with zeros around them, so that no window ends outside.
#pragma once

#include "common.h"
#include "few.h"

namespace cornu {

// For `places` rows of results; `room`: numbers that stay in the second cache.
struct Band {
  int64_t places, rows, columns, row, size;

  Band(const few::Shape& s, int64_t room)
      : places(s.out_height), columns((s.out_width - 1) * s.stride_x + s.window_x) {
    row = columns * s.channels;
    const int64_t most = (room / row - s.window_y) / s.stride_y + 1;
    const int64_t count = parts(s.out_height, std::max<int64_t>(most, 1));
    const int64_t team = threads();
    places = parts(s.out_height, s.batch < team ? std::max(count, team) : count);
    rows = (places - 1) * s.stride_y + s.window_y;
    size = rows * row;
  }
  static int64_t parts(int64_t n, int64_t size_or_count) {
    return (n + size_or_count - 1) / size_or_count;
  }

  // Fills it from row `top` of a picture on, which may be before or behind it.
  void fill(const few::Shape& s, const float* picture, int64_t top, float* to) const {
    const int64_t width = std::min(s.width, columns - s.low_x) * s.channels;
    const int64_t before = s.low_x * s.channels, behind = row - before - width;
    for (int64_t y = top; y < top + rows; ++y, to += row) {
      const bool outside = y < 0 || y >= s.height || width <= 0;
      std::fill_n(to, outside ? row : before, 0.0f);
      if (outside) continue;
      std::copy_n(picture + y * s.width * s.channels, width, to + before);
      std::fill_n(to + before + width, behind, 0.0f);
    }
  }
};

}  // namespace cornu
