#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plot.py RESULTS.jsonl DIR: DIR/context.svg and DIR/batch.svg, tokens/s of decoding against context depth and against batch,
as far as RESULTS has them. Medians of the rounds."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from results import Results, Test, median

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, BOTTOM = 70, 20, 52
TITLE, LEGEND = 34, 16  # heights: of the title, of a row of the legend
COLOURS = ("#1f5fa8", "#c4521b", "#2a8a4a", "#7b4ba0", "#a0762a", "#3a8f9e", "#b03060", "#555555")


@dataclass
class Series:
    name: str
    points: list[tuple[float, float]]
    dashed: bool = False


def steps(most: float) -> list[float]:
    """Round values from 0 to a little above `most`, four to eight of them."""
    magnitude = 10 ** math.floor(math.log10(most))
    step = next(s * magnitude for s in (0.1, 0.2, 0.25, 0.5, 1, 2) if most / (s * magnitude) <= 8)
    return [step * i for i in range(math.ceil(most / step) + 1)]


class Plot:
    def __init__(self, title: str, x_name: str, y_name: str, series: list[Series]) -> None:
        self.series = [s for s in series if s.points]
        self.xs = sorted({x for s in self.series for x, _ in s.points})
        self.ticks = steps(max(y for s in self.series for _, y in s.points))
        self.title, self.x_name, self.y_name = title, x_name, y_name
        self.top = TITLE + LEGEND * math.ceil(len(self.series) / 2)

    def x(self, value: float) -> float:
        """Powers of two at equal distances."""
        low, high = math.log2(self.xs[0]), math.log2(self.xs[-1])
        part = 0.5 if low == high else (math.log2(value) - low) / (high - low)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.ticks[-1] * (HEIGHT - self.top - BOTTOM)

    def text(self, x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'

    def frame(self) -> list[str]:
        middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (self.top + HEIGHT - BOTTOM) / 2
        out = [self.text(middle_x, 20, self.title, more=' font-weight="bold"'),
               self.text(middle_x, HEIGHT - 12, self.x_name),
               self.text(16, middle_y, self.y_name, more=f' transform="rotate(-90 16 {middle_y:.1f})"')]
        for tick in self.ticks:
            y = self.y(tick)
            out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
            out.append(self.text(LEFT - 6, y + 4, f"{tick:g}", "end"))
        out += [self.text(self.x(x), HEIGHT - BOTTOM + 18, f"{x:g}") for x in self.xs]
        return out

    def line(self, number: int, series: Series) -> list[str]:
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="6 4"' if series.dashed else ""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in sorted(series.points))
        out = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
        out += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>' for x, y in series.points]
        x = LEFT + 8 + number % 2 * (WIDTH - LEFT - RIGHT) / 2
        y = TITLE + 8 + number // 2 * LEGEND
        out.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{colour}" stroke-width="2"{dash}/>')
        return out + [self.text(x + 30, y, series.name, "start")]

    def svg(self) -> str:
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                 f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
                 f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *self.frame()]
        for number, series in enumerate(self.series):
            lines += self.line(number, series)
        return "\n".join(lines + ["</svg>"]) + "\n"


def series_of(runs: dict, part: str, key, suffix: str = "", peer: bool = False) -> list[Series]:
    """One line a model, of tests that only write. A peer runs with keys and values of its own format."""
    lines: dict[str, Series] = {}
    for test, threads in sorted(runs.items()):
        if test.part == part and test.answer and not test.prompt:
            name = test.model.removesuffix("-kv8") if peer else test.model
            line = lines.setdefault(test.model, Series(name + suffix, [], dashed=peer))
            line.points.append((key(test), median(Results.best(threads)[1])))
    return list(lines.values())


def depth(test: Test) -> float:
    return max(test.depth, 1)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    results, out = Results(Path(sys.argv[1])), Path(sys.argv[2])
    plots = {
        "context.svg": ("Decoding behind a long context", "tokens of context (log scale)", "tokens/s",
                        series_of(results.card, "context", depth, ", card") +
                        series_of(results.peer, "context", depth, ", llama-bench, f16 keys", peer=True)),
        "batch.svg": ("Decoding several sequences at a time", "sequences (log scale)", "tokens/s, all sequences",
                      series_of(results.card, "batch", lambda test: test.parallel)),
    }
    for name, (title, x_name, y_name, series) in plots.items():
        if series:
            (out / name).write_text(Plot(title, x_name, y_name, series).svg())
            print(f"{out / name}")
        else:
            print(f"no {name}: the part {name.removesuffix('.svg')} was not measured", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
