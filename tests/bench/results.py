# SPDX-License-Identifier: MIT
"""What run.sh has collected, read for table.py and plot.py."""

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Test:
    """What was measured of which model."""
    part: str      # "shapes", "batch", "context": the part of BENCH
    model: str     # "134m-int8"
    prompt: int
    answer: int
    depth: int
    parallel: int

    def name(self) -> str:
        text = f"pp{self.prompt}" if self.prompt else ""
        text += ("+" if text and self.answer else "") + (f"tg{self.answer}" if self.answer else "")
        text += f" x{self.parallel}" if self.parallel > 1 else ""
        return text + (f" @ d{self.depth}" if self.depth else "")


Rounds = dict[int, float]  # round -> figure


class Results:
    def __init__(self, path: Path) -> None:
        # Test -> threads -> round -> tokens/s
        self.card: dict[Test, dict[int, Rounds]] = defaultdict(lambda: defaultdict(dict))
        self.peer: dict[Test, dict[int, Rounds]] = defaultdict(lambda: defaultdict(dict))
        # (test, threads, round) -> the card's record
        self.records: dict[tuple[Test, int, int], dict] = {}
        self.limits: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
        self.latency: dict[str, list[dict]] = defaultdict(list)
        self.beside: dict[str, list[dict]] = defaultdict(list)
        for line in path.read_text().splitlines():
            self._add(json.loads(line))

    def _add(self, r: dict) -> None:
        if r["run"] == "limits":
            best = self.limits[r["set"], r["round"]]
            for name in ("limit_bytes_per_s", "limit_macs_per_s", "limit_tile_macs_per_s"):
                best[name] = max(best.get(name, 0.0), r[name] or 0.0)
        elif r["set"] == "latency":
            self.latency[r["what"]].append(r)
        elif r["set"] == "beside":
            self.beside[f'{Path(r["model_filename"]).stem} tg{r["n_gen"]}'].append(r)
        else:
            test = Test(r["set"], Path(r["model_filename"]).stem, r["n_prompt"], r["n_gen"], r["n_depth"],
                        r.get("n_parallel", 1))
            runs = self.card if r["run"] == "card" else self.peer
            runs[test][r["n_threads"]][r["round"]] = r["avg_ts"]
            if r["run"] == "card":
                self.records[test, r["n_threads"], r["round"]] = r

    @staticmethod
    def best(runs: dict[int, Rounds]) -> tuple[int, Rounds] | None:
        """The thread count with the highest median, and its rounds."""
        if not runs:
            return None
        return max(runs.items(), key=lambda item: statistics.median(item[1].values()))

    def part_of_limit(self, test: Test, threads: int, figure: str) -> float | None:
        """Median over the rounds of bytes_per_s or macs_per_s against the limit of the same round."""
        parts = []
        for (other, n, number), record in self.records.items():
            limit = self.limits.get((test.part, number), {}).get(f"limit_{figure}", 0.0)
            if other == test and n == threads and limit:
                parts.append(record[figure] / limit)
        return statistics.median(parts) if parts else None


def median(rounds: Rounds) -> float:
    return statistics.median(rounds.values())


def ratio(mine: Rounds, theirs: Rounds) -> float | None:
    """Median over the rounds that both have of the one against the other."""
    both = [mine[n] / theirs[n] for n in mine if n in theirs]
    return statistics.median(both) if both else None
