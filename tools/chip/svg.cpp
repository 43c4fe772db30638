// SPDX-License-Identifier: MIT
#include "chip/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <limits>

#include "libskald/error.hpp"

namespace skald::chip::svg {
namespace {

constexpr double kWidth = 760, kHeight = 440;
constexpr double kLeft = 80, kRight = 190, kTop = 40, kBottom = 56;  // margins
constexpr std::array<std::string_view, 8> kColours = {"#1b6ca8", "#c8553d", "#3a7d44", "#8a4fbe",
                                                      "#b8860b", "#2f8f9d", "#a63d74", "#555555"};

std::string_view colour(std::size_t i) {
    return kColours[i % kColours.size()];
}

std::string head(double width, double height, std::string_view title) {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
        "<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
        width, height, kLeft, escaped(title));
}

// One axis: from values to places, and where its ticks are.
class Axis {
  public:
    Axis(bool logarithmic, double from, double to, double begin, double end)
        : log_(logarithmic), begin_(begin), end_(end) {
        if (log_) {
            from_ = std::floor(std::log10(from));
            to_ = std::max(std::ceil(std::log10(to)), from_ + 1);
        } else {
            from_ = 0;
            step_ = nice(std::max(to, 1e-12) / 5);
            to_ = step_ * std::max(1.0, std::ceil(to / step_));
        }
    }

    [[nodiscard]] double at(double value) const {
        const double v = log_ ? std::log10(value) : value;
        return begin_ + (v - from_) / (to_ - from_) * (end_ - begin_);
    }
    [[nodiscard]] std::vector<double> ticks() const {
        std::vector<double> all;
        if (log_)
            for (double e = from_; e <= to_ + 0.5; e += std::max(1.0, std::ceil((to_ - from_) / 8)))
                all.push_back(std::pow(10, e));
        else
            for (double v = 0; v <= to_ * 1.0001; v += step_)
                all.push_back(v);
        return all;
    }

  private:
    // 1, 2 or 5 times a power of ten, at least as large.
    static double nice(double step) {
        const double power = std::pow(10, std::floor(std::log10(step)));
        for (const double factor : {1.0, 2.0, 5.0})
            if (factor * power >= step)
                return factor * power;
        return 10 * power;
    }

    bool log_;
    double from_ = 0, to_ = 1, step_ = 1, begin_, end_;
};

std::string tick_text(double value) {
    return fmt::format("{:g}", value);
}

struct Extent {
    double least = std::numeric_limits<double>::infinity(), most = 0;

    void add(double value) {
        least = std::min(least, value);
        most = std::max(most, value);
    }
};

std::string axes(const Plot& plot, const Axis& x, const Axis& y) {
    constexpr double kRightEdge = kWidth - kRight, kFloor = kHeight - kBottom;
    std::string out;
    for (const double tick : x.ticks())
        out += fmt::format(
            "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"#dddddd\"/>\n"
            "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
            x.at(tick), kTop, kFloor, kFloor + 18, tick_text(tick));
    for (const double tick : y.ticks())
        out += fmt::format(
            "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#dddddd\"/>\n"
            "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
            kLeft, y.at(tick), kRightEdge, kLeft - 6, y.at(tick) + 4, tick_text(tick));
    return out + fmt::format(
                     "<text x=\"{0}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>\n"
                     "<text x=\"18\" y=\"{3}\" text-anchor=\"middle\" "
                     "transform=\"rotate(-90 18 {3})\">{4}</text>\n",
                     (kLeft + kRightEdge) / 2, kHeight - 14, escaped(plot.x_label),
                     (kTop + kFloor) / 2, escaped(plot.y_label));
}

std::string drawn(const Series& series, std::string_view paint, const Axis& x, const Axis& y) {
    std::string out;
    if (series.line) {
        std::string path;
        for (const Point& point : series.points)
            path += fmt::format("{:.1f},{:.1f} ", x.at(point.x), y.at(point.y));
        out = fmt::format(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", path,
            paint, series.dashed ? " stroke-dasharray=\"6 4\"" : "");
    }
    for (const Point& point : series.points) {
        const double radius = series.line ? 2.5 : 3 + 12 * std::sqrt(std::max(point.weight, 0.0));
        if (series.dashed)
            continue;
        out += fmt::format(
            "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" fill-opacity=\"{}\"/>\n",
            x.at(point.x), y.at(point.y), radius, paint, series.line ? 1 : 0.5);
    }
    return out;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out;
}

std::string Plot::draw() const {
    Extent x_extent, y_extent;
    for (const Series& one : series)
        for (const Point& point : one.points) {
            x_extent.add(point.x);
            y_extent.add(point.y);
        }
    if (x_extent.most <= 0 || y_extent.most <= 0 || (log_x && x_extent.least <= 0) ||
        (log_y && y_extent.least <= 0))
        throw rt::Error("there is nothing to draw", EINVAL);
    const Axis x(log_x, x_extent.least, x_extent.most, kLeft, kWidth - kRight);
    const Axis y(log_y, y_extent.least, y_extent.most, kHeight - kBottom, kTop);
    std::string out = head(kWidth, kHeight, title) + axes(*this, x, y);
    for (std::size_t i = 0; i < series.size(); ++i) {
        out += drawn(series[i], colour(i), x, y);
        const double at = kTop + 14 + 20 * static_cast<double>(i);
        out += fmt::format(
            "<rect x=\"{0}\" y=\"{1:.1f}\" width=\"12\" height=\"12\" fill=\"{2}\"/>\n"
            "<text x=\"{3}\" y=\"{4:.1f}\">{5}</text>\n",
            kWidth - kRight + 16, at - 10, colour(i), kWidth - kRight + 34, at,
            escaped(series[i].name));
    }
    return out + "</svg>\n";
}

std::string Bars::draw() const {
    double most = 0;
    for (const Share& share : shares)
        most = std::max(most, share.amount);
    if (most <= 0)
        throw rt::Error("there is nothing to draw", EINVAL);
    constexpr double kRow = 30, kLongest = 420;
    const double height = kTop + kRow * static_cast<double>(shares.size()) + 20;
    std::string out = head(kWidth, height, title);
    for (std::size_t i = 0; i < shares.size(); ++i) {
        const double at = kTop + kRow * static_cast<double>(i);
        const double length = shares[i].amount / most * kLongest;
        out += fmt::format(
            "<text x=\"{0}\" y=\"{1:.1f}\" text-anchor=\"end\">{2}</text>\n"
            "<rect x=\"{3}\" y=\"{4:.1f}\" width=\"{5:.1f}\" height=\"18\" fill=\"{6}\"/>\n"
            "<text x=\"{7:.1f}\" y=\"{1:.1f}\">{8}</text>\n",
            kLeft - 8, at + 14, escaped(shares[i].name), kLeft, at, length, colour(i),
            kLeft + length + 8, escaped(shares[i].text));
    }
    return out + "</svg>\n";
}

}  // namespace skald::chip::svg
