// SPDX-License-Identifier: MIT
// Pictures as SVG: a plot with two axes, and a bar of parts. Text only, no fonts, no scripts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::chip::svg {

[[nodiscard]] std::string escaped(std::string_view text);

struct Point {
    double x = 0, y = 0;
    double weight = 1;  // of a dot: its area
};
struct Series {
    std::string name;
    std::vector<Point> points;
    bool line = true;  // else dots
    bool dashed = false;
};

struct Plot {
    std::string title, x_label, y_label;
    bool log_x = true, log_y = true;
    std::vector<Series> series;

    // Throws rt::Error if there is nothing to be seen.
    [[nodiscard]] std::string draw() const;
};

struct Share {
    std::string name;
    double amount = 0;
    std::string text;  // as a person wants it
};
struct Bars {
    std::string title;
    std::vector<Share> shares;

    [[nodiscard]] std::string draw() const;
};

}  // namespace skald::chip::svg
