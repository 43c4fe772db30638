#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A folder's llama as the exporters there are would write it: one way for each style.

    exporters.py --list             the styles
    exporters.py FOLDER OUT [STYLE...]    OUT/STYLE.onnx of each

FOLDER: config.json and model.safetensors of a llama, mistral, qwen2 or qwen3, weights in any float type.
"""

import array
import json
import math
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from onnx_file import BFLOAT, BOOL, FLOAT, HALF, INT32, INT64, Graph  # noqa: E402

LEAST = -3.4028234663852886e38

# By style what it does otherwise than the first of each line does.
CHOICES: "dict[str, list[str | int]]" = {
    "opset": [17, 13, 14, 18, 21, 23],
    # causal masks: compared positions; a triangle; by Less and Where from a filled matrix, expanded; the triangle times
    # a comparison; positions put together from those of keys; a matrix whose part is replaced; gathered by places
    "mask": ["compare", "triangle", "less", "times", "scatter", "gathernd", "bools", "half"],
    "scale": ["mul", "div", "both", "shape", "queries", "weights"],
    "rope": ["concat", "split", "table", "einsum", "matmul", "power", "complex", "float_positions"],
    "linear": ["matmul", "transpose", "gemm", "gemm_turned", "fused", "einsum", "constant"],
    "qkv": ["apart", "split", "slice"],
    "head": ["transpose", "gemm", "copy", "einsum"],
    "norm": ["pow", "mul", "reciprocal", "power", "sum", "simplified", "rms", "casts", "layer_l2"],
    "dtype": ["f32", "f16", "bf16", "f16_graph", "bf16_graph"],
    "logits": ["all", "last", "last_slice", "keep", "cast", "squeezed"],
    "positions": ["range", "input", "counted", "cache_position", "int32"],
    # room: of a fixed size, new keys are put into it
    "cache": ["none", "past", "merged", "keys_turned", "room"],
    "repeat": ["expand", "tile", "concat", "gather", "five"],
    "silu": ["sigmoid", "quick", "exp", "div"],
    "softmax": ["plain", "guarded", "casts", "written", "written_times"],
    "attention": ["plain", "bmm", "einsum", "gqa", "gqa_packed", "gqa_apart", "mha", "onnx23"],
    "ids": ["int64", "int32", "flat", "fixed"],
}
DEFAULT = {axis: values[0] for axis, values in CHOICES.items()}

# Together, as one exporter would have them.
EXPORTERS: "dict[str, dict[str, str | int]]" = {
    "torch21_optimum": {"opset": 14, "mask": "less", "rope": "table", "positions": "input", "cache": "past"},
    "torch24_optimum": {"opset": 14, "mask": "times", "rope": "matmul", "positions": "input", "cache": "past",
                        "scale": "both", "head": "transpose"},
    "torch26_scripted": {"opset": 17, "mask": "scatter", "rope": "matmul", "positions": "counted", "cache": "past",
                         "scale": "shape", "logits": "keep"},
    "torch27_dynamo": {"opset": 18, "mask": "gathernd", "rope": "matmul", "linear": "transpose", "scale": "both",
                       "softmax": "guarded", "positions": "cache_position", "cache": "past"},
    "torch29_dynamo": {"opset": 20, "mask": "bools", "rope": "matmul", "linear": "transpose", "scale": "both",
                       "softmax": "guarded", "norm": "reciprocal"},
    "onnx23": {"opset": 23, "attention": "onnx23", "norm": "rms", "positions": "input", "cache": "past"},
    "genai_f32": {"opset": 21, "attention": "gqa", "norm": "simplified", "cache": "past", "logits": "last"},
    "genai_f16": {"opset": 21, "attention": "gqa_packed", "norm": "simplified", "cache": "past", "dtype": "f16_graph",
                  "qkv": "split"},
    "genai_bf16": {"opset": 21, "attention": "gqa", "norm": "simplified", "cache": "past", "dtype": "bf16_graph"},
    "genai_turned_apart": {"opset": 14, "attention": "gqa_apart", "norm": "simplified", "cache": "past",
                           "positions": "input"},
}


def styles() -> "dict[str, dict[str, str | int]]":
    all_of: "dict[str, dict[str, str | int]]" = {"default": {}}
    for axis, values in CHOICES.items():
        for value in values[1:]:
            style: "dict[str, str | int]" = {axis: value}
            if value in ("merged", "keys_turned", "past") or axis == "positions" and value in ("counted", "input",
                                                                                              "cache_position"):
                style.setdefault("cache", "past")
            if axis == "attention" and str(value).startswith("gqa"):
                style["cache"] = "past"
            if value == "room":
                style["positions"] = "cache_position"
            if value == "mha":
                style["repeat"] = "expand"
            if value in ("rms", "onnx23"):
                style["opset"] = 23
            all_of[f"{axis}_{value}"] = style
    all_of.update(EXPORTERS)
    return all_of


class Tensor:
    def __init__(self, shape: "list[int]", values: "list[float]") -> None:
        self.shape, self.values = shape, values

    def turned(self) -> "Tensor":
        n, k = self.shape
        return Tensor([k, n], [v for c in range(k) for v in self.values[c::k]])

    def times(self, factor: float) -> "Tensor":
        return Tensor(self.shape, [v * factor for v in self.values])


def bf16(values: "list[float]") -> bytes:
    """Rounded to the nearest, ties to even."""
    words = array.array("I", struct.pack(f"<{len(values)}f", *values))
    return array.array("H", ((w + 0x7fff + (w >> 16 & 1)) >> 16 & 0xffff for w in words)).tobytes()


def read_weights(folder: Path) -> "dict[str, Tensor]":
    data = (folder / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        raw = data[begin:end]
        if entry["dtype"] == "BF16":
            raw = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
        code, width = ("e", 2) if entry["dtype"] == "F16" else ("f", 4)
        out[name] = Tensor(entry["shape"], list(struct.unpack(f"<{len(raw) // width}{code}", raw)))
    return out


class Llama:
    def __init__(self, config: dict, weights: "dict[str, Tensor]", style: "dict[str, str | int]") -> None:
        self.c, self.w, self.s = config, weights, {**DEFAULT, **style}
        self.g = Graph(int(self.s["opset"]))
        self.hidden, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.kv = config.get("num_key_value_heads", self.heads)
        self.dim = config.get("head_dim") or self.hidden // self.heads
        self.layers, self.eps = config["num_hidden_layers"], config["rms_norm_eps"]
        self.window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
        self.room = config.get("max_position_embeddings", 64) if self.s["cache"] == "room" else 0
        self.cached = self.s["cache"] != "none" and not self.room
        theta = config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta", 10000.0)
        self.frequencies = [theta ** (-2 * i / self.dim) for i in range(self.dim // 2)]
        self.theta = theta
        self.made: "dict[str, str]" = {}

    # ---- small things ----

    def n(self, op: str, inputs: "list[str]", **attributes: "int | float | str | list[int]") -> str:
        return self.g.node(op, inputs, **attributes)

    def is_(self, axis: str, *values: "str | int") -> bool:
        return self.s[axis] in values

    def number(self, x: float) -> str:
        """Of the type that the graph computes in."""
        value = self.g.number(x)
        return self.to_graph(value)

    def to_graph(self, x: str) -> str:
        if self.is_("dtype", "f16_graph"):
            return self.n("Cast", [x], to=HALF)
        if self.is_("dtype", "bf16_graph"):
            return self.n("Cast", [x], to=BFLOAT)
        return x

    def cast(self, x: str, to: int) -> str:
        return self.n("Cast", [x], to=to)

    def weight(self, tensor: Tensor, name: str) -> str:
        kind, count = str(self.s["dtype"]), len(tensor.values)
        if name in self.made:
            return self.made[name]
        if kind.startswith("f16"):
            value = self.g.tensor(HALF, tensor.shape, struct.pack(f"<{count}e", *tensor.values), name)
        elif kind.startswith("bf16"):
            value = self.g.tensor(BFLOAT, tensor.shape, bf16(tensor.values), name)
        else:
            value = self.g.floats(tensor.shape, tensor.values, name)
        if kind in ("f16", "bf16"):
            value = self.cast(value, FLOAT)
        self.made[name] = value
        return value

    def slice(self, x: str, axis: int, begin: int, end: int) -> str:
        return self.n("Slice", [x, self.g.ints(begin), self.g.ints(end), self.g.ints(axis), self.g.ints(1)])

    def length(self, of: str, dim: int) -> str:
        return self.n("Gather", [self.n("Shape", [of]), self.g.integer(dim)], axis=0)

    def row(self, *parts: "int | str") -> str:
        """A list of sizes, some of them computed."""
        items = [self.g.ints(p) if isinstance(p, int) else self.g.unsqueeze(p, 0) for p in parts]
        return self.n("Concat", items, axis=0)

    # ---- products ----

    def matmul(self, x: str, w: Tensor, name: str) -> str:
        """x times w [outputs, inputs], turned round."""
        how = self.s["linear"]
        n, k = w.shape
        if how == "transpose":
            return self.n("MatMul", [x, self.n("Transpose", [self.weight(w, name)], perm=[1, 0])])
        if how in ("gemm", "gemm_turned"):
            flat = self.n("Reshape", [x, self.g.ints(-1, k)])
            if how == "gemm":
                y = self.n("Gemm", [flat, self.weight(w, name)], transB=1, alpha=1.0)
            else:
                y = self.n("Gemm", [flat, self.weight(w.turned(), name + ".T")])
            shape = self.n("Concat", [self.slice(self.n("Shape", [x]), 0, 0, -1), self.g.ints(n)], axis=0)
            return self.n("Reshape", [y, shape])
        if how == "fused":
            return self.n("ms.FusedMatMul", [x, self.weight(w, name)], transB=1, alpha=1.0)
        if how == "einsum":
            return self.n("Einsum", [x, self.weight(w, name)], equation="bsi,oi->bso")
        if how == "constant":
            return self.n("MatMul", [self.n("Identity", [x]), self.n("Identity", [self.weight(w.turned(), name)])])
        return self.n("MatMul", [x, self.weight(w.turned(), name + ".T")])

    def linear(self, x: str, name: str, factor: float = 1.0) -> str:
        w = self.w[name + ".weight"].times(factor) if factor != 1 else self.w[name + ".weight"]
        y = self.matmul(x, w, name)
        if name + ".bias" in self.w:
            b = self.w[name + ".bias"]
            y = self.n("Add", [self.weight(b.times(factor) if factor != 1 else b, name + ".bias"), y])
        return y

    def joined(self, x: str, names: "list[str]") -> "list[str]":
        all_of = [self.w[n + ".weight"] for n in names]
        sizes = [w.shape[0] for w in all_of]
        whole = Tensor([sum(sizes), all_of[0].shape[1]], [v for w in all_of for v in w.values])
        y = self.matmul(x, whole, names[0] + "_and_others")
        if names[0] + ".bias" in self.w:
            bias = Tensor([sum(sizes)], [v for n in names for v in self.w[n + ".bias"].values])
            y = self.n("Add", [y, self.weight(bias, names[0] + "_and_others.bias")])
        if self.is_("attention", "gqa_packed") and not any(name.endswith("q_norm.weight") for name in self.w):
            return [y, "", ""]
        if self.is_("qkv", "split"):
            return self.g.nodes("Split", [y, self.g.ints(*sizes)], len(sizes), axis=-1)
        out, begin = [], 0
        for size in sizes:
            out.append(self.slice(y, 2, begin, begin + size))
            begin += size
        return out

    # ---- norms ----

    def norm(self, x: str, name: str) -> str:
        how, gain, eps = self.s["norm"], self.weight(self.w[name], name), self.eps
        if how == "simplified":
            return self.n("SimplifiedLayerNormalization", [x, gain], epsilon=eps, axis=-1, stash_type=1)
        if how == "rms":
            return self.n("RMSNormalization", [x, gain], epsilon=eps, axis=-1)
        half = not self.is_("dtype", "f32", "f16", "bf16")
        wide = self.cast(x, FLOAT) if half or how == "casts" else x
        if how in ("mul", "reciprocal"):
            squares = self.n("Mul", [wide, wide])
        else:
            squares = self.n("Pow", [wide, self.g.number(2.0)])
        width = len(self.w[name].values)
        if how == "sum":
            if self.g.opset < 13:
                mean = self.n("ReduceSum", [squares], axes=[-1], keepdims=1)
            else:
                mean = self.n("ReduceSum", [squares, self.g.ints(-1)], keepdims=1)
            mean = self.n("Div", [mean, self.g.number(float(width))])
        elif how == "layer_l2":
            length = self.n("ReduceL2", [wide], axes=[-1], keepdims=1)
            mean = self.n("Div", [self.n("Mul", [length, length]), self.g.number(float(width))])
        else:
            mean = self.g.mean(squares)
        total = self.n("Add", [mean, self.g.number(eps)])
        if how == "power":
            y = self.n("Mul", [wide, self.n("Pow", [total, self.g.number(-0.5)])])
        elif how in ("reciprocal",):
            y = self.n("Mul", [wide, self.n("Reciprocal", [self.n("Sqrt", [total])])])
        elif how == "mul":
            y = self.n("Div", [wide, self.n("Sqrt", [total])])
        else:
            y = self.n("Mul", [wide, self.n("Div", [self.g.number(1.0), self.n("Sqrt", [total])])])
        if half or how == "casts":
            y = self.to_graph(y)
        return self.n("Mul", [gain, y])

    # ---- inputs, positions ----

    def inputs(self) -> None:
        g, kind = self.g, INT32 if self.is_("ids", "int32") else INT64
        if self.is_("ids", "flat"):
            ids = g.input("input_ids", kind, ["tokens"])
            self.ids = g.unsqueeze(ids, 0)
        elif self.is_("ids", "fixed"):
            self.ids = g.input("input_ids", kind, [1, 24])
        else:
            self.ids = g.input("input_ids", kind, ["batch", "sequence"])
        number = {"f16_graph": HALF, "bf16_graph": BFLOAT}.get(str(self.s["dtype"]), FLOAT)
        self.kind = number
        if self.cached:
            g.input("attention_mask", INT64, ["batch", "total"])
            for layer in range(self.layers):
                if self.is_("cache", "merged"):
                    g.input(f"past_key_values.{layer}", number, [2, "batch", self.kv, "past", self.dim])
                else:
                    for what in ("key", "value"):
                        g.input(f"past_key_values.{layer}.{what}", number, ["batch", self.kv, "past", self.dim])
        for name in self.rooms():
            g.input(name, number, [1, self.kv, self.room, self.dim])
        if self.is_("positions", "input"):
            g.input("position_ids", INT64, ["batch", "sequence"])
        if self.is_("positions", "cache_position"):
            g.input("cache_position", INT64, ["sequence"])
        if self.is_("logits", "keep"):
            g.input("num_logits_to_keep", INT64, [])

    def rooms(self) -> "list[str]":
        return [f"past_key_values.{layer}.{what}" for layer in range(self.layers if self.room else 0)
                for what in ("key", "value")]

    def prepare(self) -> None:
        g = self.g
        self.tokens = self.length(self.ids, 1)
        if self.cached and self.is_("cache", "merged"):
            self.past = self.length("past_key_values.0", 3)
        else:
            self.past = self.length("past_key_values.0.key", 2) if self.cached else g.integer(0)
        self.total = g.integer(self.room) if self.room else self.n("Add", [self.past, self.tokens])
        how = self.s["positions"]
        if how == "input":
            self.positions = "position_ids"
        elif how == "counted":
            counts = self.n("Sub", [self.n("CumSum", ["attention_mask", g.integer(1)]), g.integer(1)])
            hidden = self.n("Equal", ["attention_mask", g.integer(0)])
            filled = self.n("Where", [hidden, g.integer(1), counts])
            self.positions = self.n("Slice", [filled, self.n("Neg", [g.unsqueeze(self.tokens, 0)]),
                                              g.ints(2 ** 63 - 1), g.ints(1)])
        elif how == "cache_position":
            self.positions = g.unsqueeze("cache_position", 0)
        else:
            self.positions = g.unsqueeze(self.n("Range", [self.past, self.total, g.integer(1)]), 0)
            if how == "int32":
                self.positions = self.cast(self.cast(self.positions, INT32), INT64)
        if not str(self.s["attention"]).startswith(("gqa", "onnx23")) or self.is_("attention", "gqa_apart"):
            self.angles()
        if not str(self.s["attention"]).startswith("gqa"):
            self.mask()

    # ---- angles ----

    def tables(self) -> "tuple[str, str]":
        """[positions, pairs]"""
        rows = self.c.get("max_position_embeddings", 64)
        cos = [math.cos(p * f) for p in range(rows) for f in self.frequencies]
        sin = [math.sin(p * f) for p in range(rows) for f in self.frequencies]
        half = self.dim // 2
        return (self.weight(Tensor([rows, half], cos), "cos_cache"),
                self.weight(Tensor([rows, half], sin), "sin_cache"))

    def angles(self) -> None:
        g, half, how = self.g, self.dim // 2, self.s["rope"]
        position = self.cast(self.positions, FLOAT)
        if how == "table":
            rows = self.c.get("max_position_embeddings", 64)
            both = [p * f for p in range(rows) for f in self.frequencies + self.frequencies]
            cos = g.floats([1, 1, rows, self.dim], [math.cos(a) for a in both], "cos_cached")
            sin = g.floats([1, 1, rows, self.dim], [math.sin(a) for a in both], "sin_cached")

            def at(table: str) -> str:
                part = self.n("Slice", [table, g.ints(0), g.unsqueeze(self.total, 0), g.ints(2), g.ints(1)])
                flat = self.n("Squeeze", [self.n("Squeeze", [part, g.ints(1)]), g.ints(0)])
                return g.unsqueeze(self.n("Gather", [flat, self.positions]), 1)

            self.cos, self.sin = at(cos), at(sin)
            return
        if how == "power":
            steps = self.cast(self.n("Range", [g.integer(0), g.integer(self.dim), g.integer(2)]), FLOAT)
            power = self.n("Pow", [g.number(self.theta), self.n("Div", [steps, g.number(float(self.dim))])])
            inverse = self.n("Div", [g.number(1.0), power])
        else:
            inverse = g.floats([half], self.frequencies, "inv_freq")
        if how == "einsum":
            flat = self.n("Reshape", [position, g.ints(-1)])
            angles = g.unsqueeze(self.n("Einsum", [flat, inverse], equation="i,j->ij"), 0)
        elif how == "float_positions":
            angles = self.n("Mul", [g.unsqueeze(position, 2), inverse])
        else:
            column = self.n("Expand", [g.unsqueeze(inverse, 0, 2), g.ints(1, half, 1)])
            angles = self.n("Transpose", [self.n("MatMul", [column, g.unsqueeze(position, 1)])], perm=[0, 2, 1])
        if how == "complex":
            self.cos, self.sin = (g.unsqueeze(self.to_graph(self.n(op, [angles])), 1) for op in ("Cos", "Sin"))
            return
        both = self.n("Concat", [angles, angles], axis=-1)
        one = g.number(1.0)
        self.cos, self.sin = (g.unsqueeze(self.to_graph(self.n("Mul", [self.n(op, [both]), one])), 1)
                              for op in ("Cos", "Sin"))

    def turned(self, x: str) -> str:
        half, how = self.dim // 2, self.s["rope"]
        if how == "split":
            parts = self.g.nodes("Split", [x, self.g.ints(half, half)], 2, axis=-1)
        elif how == "complex":
            a, b = self.slice(x, 3, 0, half), self.slice(x, 3, half, self.dim)
            first = self.n("Sub", [self.n("Mul", [a, self.cos]), self.n("Mul", [b, self.sin])])
            second = self.n("Add", [self.n("Mul", [b, self.cos]), self.n("Mul", [a, self.sin])])
            return self.n("Concat", [first, second], axis=-1)
        else:
            parts = [self.slice(x, 3, 0, half), self.slice(x, 3, half, 2 ** 63 - 1)]
        other = self.n("Concat", [self.n("Neg", [parts[1]]), parts[0]], axis=-1)
        return self.n("Add", [self.n("Mul", [x, self.cos]), self.n("Mul", [other, self.sin])])

    # ---- masks ----

    def mask(self) -> None:
        """Added to scores, [1, 1, tokens, total], or which are seen."""
        g, how = self.g, self.s["mask"]
        keys = self.n("Range", [g.integer(0), self.total, g.integer(1)])
        at = "cache_position" if self.room else self.n("Range", [self.past, self.total, g.integer(1)])
        rows = g.unsqueeze(at, 1)
        least = -65504.0 if how == "half" else LEAST
        zero, low = g.number(0.0), g.number(least)
        shape = self.row(self.tokens, self.total)
        if how in ("triangle", "times", "scatter"):
            filled = self.n("Expand", [low, shape])
            if how == "triangle":
                # The diagonal moves with what was before.
                mask = self.n("Trilu", [filled, self.n("Add", [self.past, g.integer(1)])], upper=1)
            else:
                mask = self.n("Trilu", [filled, g.integer(1)], upper=1) if not self.cached else filled
                late = self.cast(self.n("Greater", [keys, rows]), FLOAT)
                mask = self.n("Mul", [mask, late])
        elif how == "less":
            square = self.n("ConstantOfShape", [self.row(self.tokens, self.tokens)])
            square = self.n("Add", [square, low])
            own = self.n("Range", [g.integer(0), self.tokens, g.integer(1)])
            after = self.n("Reshape", [self.n("Add", [own, g.integer(1)]), self.row(self.tokens, 1)])
            square = self.n("Where", [self.n("Less", [own, after]), zero, square])
            before = self.n("ConstantOfShape", [self.row(self.tokens, self.past)])
            mask = self.n("Concat", [before, square], axis=-1)
        else:
            mask = self.n("Where", [self.n("LessOrEqual", [keys, rows]), zero, low])
        if self.window:
            near = self.n("Greater", [keys, self.n("Sub", [rows, g.integer(self.window)])])
            mask = self.n("Where", [near, mask, low])
        mask = g.unsqueeze(mask, 0, 1)
        if how in ("bools", "gathernd"):
            seen = self.n("Equal", [mask, zero])
            if self.cached:
                given = self.cast("attention_mask", BOOL)
                if how == "gathernd":
                    batch = self.n("Expand", [g.tensor(INT64, [1, 1], struct.pack("<q", 0)),
                                              self.row(self.total, 1)])
                    places = self.n("Concat", [batch, g.unsqueeze(keys, 1)], axis=-1)
                    given = g.unsqueeze(self.n("GatherND", [given, places]), 0)
                seen = self.n("And", [seen, g.unsqueeze(given, 1, 2)])
            self.seen = seen
            self.added = self.to_graph(self.n("Where", [seen, zero, low]))
            return
        if self.cached:
            given = g.unsqueeze("attention_mask", 1, 2)
            if how == "less":
                inverted = self.n("Sub", [g.number(1.0), self.cast(given, FLOAT)])
                wide = self.n("Expand", [inverted, self.row(1, 1, self.tokens, self.total)])
                hidden = self.n("Where", [self.cast(wide, BOOL), low, wide])
                mask = self.n("Add", [hidden, mask])
            elif how == "scatter":
                together = self.n("Add", [mask, self.cast(given, FLOAT)])
                hidden = self.n("Equal", [together, zero])
                part = self.n("Where", [hidden, low, mask])
                flat = self.n("Reshape", [part, g.ints(-1)])
                places = self.n("Reshape", [self.n("Range", [g.integer(0), self.n("Mul", [self.tokens, self.total]),
                                                             g.integer(1)]), g.ints(-1, 1)])
                all_of = self.n("Reshape", [mask, g.ints(-1)])
                mask = self.n("Reshape", [self.n("ScatterND", [all_of, places, flat]),
                                          self.row(1, 1, self.tokens, self.total)])
            else:
                mask = self.n("Where", [self.n("Equal", [given, g.integer(0)]), low, mask])
        self.added = self.to_graph(mask)
        self.seen = ""

    # ---- attention ----

    def split_heads(self, x: str, count: int) -> str:
        shape = self.g.ints(0, 0, count, self.dim)
        return self.n("Transpose", [self.n("Reshape", [x, shape])], perm=[0, 2, 1, 3])

    def merged(self, x: str) -> str:
        y = self.n("Transpose", [x], perm=[0, 2, 1, 3])
        return self.n("Reshape", [y, self.g.ints(0, 0, self.heads * self.dim)])

    def repeated(self, x: str, length: str) -> str:
        each, how = self.heads // self.kv, self.s["repeat"]
        if each == 1:
            return x
        if how == "gather":
            order = self.g.ints(*(h // each for h in range(self.heads)))
            return self.n("Gather", [x, order], axis=1)
        wide = self.g.unsqueeze(x, 2)
        if how == "tile":
            wide = self.n("Tile", [wide, self.g.ints(1, 1, each, 1, 1)])
        elif how == "concat":
            wide = self.n("Concat", [wide] * each, axis=2)
        else:
            wide = self.n("Expand", [wide, self.row(1, self.kv, each, length, self.dim)])
        return self.n("Reshape", [wide, self.row(1, self.heads, length, self.dim)])

    def scaled(self, q: str, k: str) -> "tuple[str, str, float]":
        """Queries and keys, and what is left to be done to scores."""
        how, scale = self.s["scale"], self.dim ** -0.5
        if how == "both":
            root = self.number(math.sqrt(scale))
            return self.n("Mul", [q, root]), self.n("Mul", [k, root]), 1.0
        if how == "shape":
            size = self.n("Slice", [self.n("Shape", [q]), self.g.ints(-1), self.g.ints(2 ** 63 - 1)])
            root = self.n("Sqrt", [self.n("Sqrt", [self.to_graph(self.cast(size, FLOAT))])])
            return self.n("Div", [q, root]), self.n("Div", [k, root]), 1.0
        if how == "queries":
            return self.n("Mul", [q, self.number(scale)]), k, 1.0
        if how == "weights":
            return q, k, 1.0
        return q, k, scale

    def softmax(self, scores: str) -> str:
        how = self.s["softmax"]
        if how == "casts":
            return self.to_graph(self.n("Softmax", [self.cast(scores, FLOAT)], axis=-1))
        if str(how).startswith("written"):
            return self.written_softmax(scores, by_sum=how == "written")
        y = self.n("Softmax", [scores], axis=-1)
        if how == "guarded":
            return self.n("Where", [self.n("IsNaN", [y]), self.number(0.0), y])
        return y

    def written_softmax(self, scores: str, by_sum: bool) -> str:
        if by_sum:
            last = self.g.ints(-1)
            largest = (self.n("ReduceMax", [scores, last], keepdims=1) if self.g.opset >= 18 else
                       self.n("ReduceMax", [scores], axes=[-1], keepdims=1))
            scores = self.n("Sub", [scores, largest])
        powers = self.n("Exp", [scores])
        total = self.n("ReduceSum", [powers, self.g.ints(-1)], keepdims=1)
        if by_sum:
            return self.n("Div", [powers, total])
        return self.n("Mul", [powers, self.n("Reciprocal", [total])])

    def put(self, layer: int, what: str, x: str) -> str:
        """Into a cache of a fixed size, at the positions that there are."""
        whole = self.n("Transpose", [f"past_key_values.{layer}.{what}"], perm=[2, 1, 0, 3])
        rows = self.n("Transpose", [x], perm=[2, 1, 0, 3])
        places = self.g.unsqueeze("cache_position", 1)
        out = self.n("Transpose", [self.n("ScatterND", [whole, places, rows])], perm=[2, 1, 0, 3])
        self.g.output(out, f"present.{layer}.{what}", self.kind, [1, self.kv, self.room, self.dim])
        return out

    def behind(self, layer: int, k: str, v: str) -> "tuple[str, str]":
        if self.room:
            return self.put(layer, "key", k), self.put(layer, "value", v)
        if not self.cached:
            return k, v
        if self.is_("cache", "merged"):
            past = f"past_key_values.{layer}"
            both = [self.n("Concat", [self.n("Squeeze", [self.slice(past, 0, i, i + 1), self.g.ints(0)]), x], axis=2)
                    for i, x in enumerate((k, v))]
            whole = self.n("Concat", [self.g.unsqueeze(x, 0) for x in both], axis=0)
            self.g.output(whole, f"present.{layer}", self.kind, [2, "batch", self.kv, "total", self.dim])
            return both[0], both[1]
        out = []
        for what, x in (("key", k), ("value", v)):
            out.append(self.n("Concat", [f"past_key_values.{layer}.{what}", x], axis=2))
            self.present(layer, what, out[-1])
        return out[0], out[1]

    def present(self, layer: int, what: str, value: str) -> None:
        self.g.output(value, f"present.{layer}.{what}", self.kind, ["batch", self.kv, "total", self.dim])

    def attend(self, layer: int, q: str, k: str, v: str, at: str) -> str:
        how = str(self.s["attention"])
        if how.startswith("gqa") or how == "onnx23":
            if at + "q_norm.weight" in self.w:
                q, k = (self.normed_heads(x, count, at + name) for x, count, name in
                        ((q, self.heads, "q_norm.weight"), (k, self.kv, "k_norm.weight")))
            return self.onnx23(layer, q, k, v) if how == "onnx23" else self.group_query(layer, q, k, v)
        q, k, v = self.split_heads(q, self.heads), self.split_heads(k, self.kv), self.split_heads(v, self.kv)
        if at + "q_norm.weight" in self.w:
            q, k = self.norm(q, at + "q_norm.weight"), self.norm(k, at + "k_norm.weight")
        q, k = self.turned(q), self.turned(k)
        if how == "mha":
            return self.multi_head(layer, q, k, v)
        k, v = self.behind(layer, k, v)
        length = self.total
        if self.is_("repeat", "five") and self.heads != self.kv:
            return self.five(q, k, v)
        k, v = self.repeated(k, length), self.repeated(v, length)
        q, k, scale = self.scaled(q, k)
        if how == "einsum":
            scores = self.n("Einsum", [q, k], equation="bhqd,bhkd->bhqk")
        elif how == "bmm":
            q, k, v = (self.n("Reshape", [x, self.g.ints(self.heads, -1, self.dim)]) for x in (q, k, v))
            scores = self.n("MatMul", [q, self.n("Transpose", [k], perm=[0, 2, 1])])
            scores = self.n("Reshape", [scores, self.row(1, self.heads, self.tokens, self.total)])
        else:
            scores = self.n("MatMul", [q, self.n("Transpose", [k], perm=[0, 1, 3, 2])])
        if scale != 1 and self.is_("scale", "div"):
            scores = self.n("Div", [scores, self.number(1 / scale)])
        elif scale != 1:
            scores = self.n("Mul", [scores, self.number(scale)])
        if self.seen and self.is_("mask", "bools"):
            scores = self.n("Where", [self.seen, scores, self.number(-math.inf)])
        else:
            scores = self.n("Add", [scores, self.added])
        p = self.softmax(scores)
        if how == "einsum":
            return self.n("Reshape", [self.n("Einsum", [p, v], equation="bhqk,bhkd->bqhd"),
                                      self.g.ints(0, 0, self.heads * self.dim)])
        if how == "bmm":
            p = self.n("Reshape", [p, self.row(self.heads, self.tokens, self.total)])
            y = self.n("Reshape", [self.n("MatMul", [p, v]), self.row(1, self.heads, self.tokens, self.dim)])
            return self.merged(y)
        return self.merged(self.n("MatMul", [p, v]))

    def normed_heads(self, x: str, count: int, name: str) -> str:
        y = self.norm(self.n("Reshape", [x, self.g.ints(0, -1, count, self.dim)]), name)
        return self.n("Reshape", [y, self.g.ints(0, -1, count * self.dim)])

    def five(self, q: str, k: str, v: str) -> str:
        """Heads that share keys as a dimension of their own."""
        each = self.heads // self.kv
        q = self.n("Reshape", [q, self.row(1, self.kv, each, self.tokens, self.dim)])
        k, v = self.g.unsqueeze(k, 2), self.g.unsqueeze(v, 2)
        scores = self.n("MatMul", [q, self.n("Transpose", [k], perm=[0, 1, 2, 4, 3])])
        scores = self.n("Mul", [scores, self.number(self.dim ** -0.5)])
        p = self.softmax(self.n("Add", [scores, self.added]))
        y = self.n("Reshape", [self.n("MatMul", [p, v]), self.row(1, self.heads, self.tokens, self.dim)])
        return self.merged(y)

    def lengths(self) -> "tuple[str, str]":
        """As ONNX Runtime GenAI makes them of the mask."""
        if "lengths" not in self.made:
            sums = self.n("ReduceSum", ["attention_mask", self.g.ints(1)], keepdims=1)
            less = self.n("Sub", [sums, self.g.ints(1)])
            self.made["lengths"] = self.cast(self.n("Squeeze", [less, self.g.ints(1)]), INT32)
            self.made["total"] = self.cast(self.length("attention_mask", 1), INT32)
        return self.made["lengths"], self.made["total"]

    def group_query(self, layer: int, q: str, k: str, v: str) -> str:
        lengths, total = self.lengths()
        turn = not self.is_("attention", "gqa_apart")
        inputs = [q, k, v, f"past_key_values.{layer}.key", f"past_key_values.{layer}.value", lengths, total]
        cos, sin = self.tables()
        if turn:
            inputs += [cos, sin]
        else:
            inputs[0] = self.n("ms.RotaryEmbedding", [q, self.positions, cos, sin], num_heads=self.heads,
                               rotary_embedding_dim=0, interleaved=0)
            inputs[1] = self.n("ms.RotaryEmbedding", [k, self.positions, cos, sin], num_heads=self.kv,
                               rotary_embedding_dim=0, interleaved=0)
        outputs = self.g.nodes("ms.GroupQueryAttention", inputs, 3, num_heads=self.heads, kv_num_heads=self.kv,
                               scale=self.dim ** -0.5, softcap=0.0, do_rotary=int(turn), rotary_interleaved=0,
                               local_window_size=self.window or -1)
        self.present(layer, "key", outputs[1])
        self.present(layer, "value", outputs[2])
        return outputs[0]

    def multi_head(self, layer: int, q: str, k: str, v: str) -> str:
        """Which has no heads that share keys."""
        k, v = self.behind(layer, k, v)
        k, v = self.repeated(k, self.total), self.repeated(v, self.total)
        flat = [self.merged(x) for x in (q, k, v)]
        return self.n("ms.MultiHeadAttention", [*flat, "", "", self.added], num_heads=self.heads,
                      scale=self.dim ** -0.5)

    def onnx23(self, layer: int, q: str, k: str, v: str) -> str:
        cos, sin = self.tables()
        q = self.n("RotaryEmbedding", [q, cos, sin, self.positions], num_heads=self.heads)
        k = self.n("RotaryEmbedding", [k, cos, sin, self.positions], num_heads=self.kv)
        past = [f"past_key_values.{layer}.{w}" if self.cached else "" for w in ("key", "value")]
        y = self.g.nodes("Attention", [q, k, v, self.added, *past], 3, q_num_heads=self.heads, kv_num_heads=self.kv,
                         scale=self.dim ** -0.5)
        if self.cached:
            self.present(layer, "key", y[1])
            self.present(layer, "value", y[2])
        return y[0]

    # ---- the whole ----

    def silu(self, x: str) -> str:
        how = self.s["silu"]
        if how == "quick":
            return self.n("ms.QuickGelu", [x], alpha=1.0)
        if how == "exp":
            e = self.n("Add", [self.n("Exp", [self.n("Neg", [x])]), self.number(1.0)])
            return self.n("Mul", [x, self.n("Reciprocal", [e])])
        if how == "div":
            e = self.n("Add", [self.number(1.0), self.n("Exp", [self.n("Neg", [x])])])
            return self.n("Div", [x, e])
        return self.n("Mul", [x, self.n("Sigmoid", [x])])

    def layer(self, layer: int, x: str) -> str:
        at = f"model.layers.{layer}."
        own = at + "self_attn."
        h = self.norm(x, at + "input_layernorm.weight")
        if self.is_("qkv", "apart") and not self.is_("attention", "gqa_packed"):
            factor = self.dim ** -0.5 if self.is_("scale", "weights") else 1.0
            parts = [self.linear(h, own + "q_proj", factor), self.linear(h, own + "k_proj"),
                     self.linear(h, own + "v_proj")]
        else:
            parts = self.joined(h, [own + "q_proj", own + "k_proj", own + "v_proj"])
        y = self.attend(layer, parts[0], parts[1], parts[2], own)
        x = self.n("Add", [x, self.linear(y, own + "o_proj")])
        h = self.norm(x, at + "post_attention_layernorm.weight")
        if self.is_("qkv", "apart"):
            gate, up = self.linear(h, at + "mlp.gate_proj"), self.linear(h, at + "mlp.up_proj")
        else:
            gate, up = self.joined_plain(h, [at + "mlp.gate_proj", at + "mlp.up_proj"])
        return self.n("Add", [self.linear(self.n("Mul", [self.silu(gate), up]), at + "mlp.down_proj"), x])

    def joined_plain(self, x: str, names: "list[str]") -> "list[str]":
        how, self.s["attention"] = self.s["attention"], "plain"
        out = self.joined(x, names)
        self.s["attention"] = how
        return out

    def logits(self, x: str) -> None:
        g, how = self.g, self.s["logits"]
        if how == "last":
            last = self.n("Gather", [x, self.n("Sub", [self.length(x, 1), g.integer(1)])], axis=1)
            x = g.unsqueeze(last, 1)
        elif how == "last_slice":
            x = self.slice(x, 1, -1, 2 ** 63 - 1)
        elif how == "keep":
            begin = g.unsqueeze(self.n("Neg", ["num_logits_to_keep"]), 0)
            x = self.n("Slice", [x, begin, g.ints(2 ** 63 - 1), g.ints(1), g.ints(1)])
        tied = "lm_head.weight" not in self.w
        head = self.w["model.embed_tokens.weight"] if tied else self.w["lm_head.weight"]
        name = "model.embed_tokens.weight" if tied else "lm_head"
        how_head = self.s["head"]
        if how_head == "transpose" and tied:
            y = self.n("MatMul", [x, self.n("Transpose", [self.table], perm=[1, 0])])
        elif how_head == "gemm":
            flat = self.n("Reshape", [x, g.ints(-1, self.hidden)])
            y = self.n("Gemm", [flat, self.weight(head, name)], transB=1)
            y = self.n("Reshape", [y, self.row(1, -1, head.shape[0])])
        elif how_head == "einsum":
            y = self.n("Einsum", [x, self.weight(head, name)], equation="bsi,oi->bso")
        else:
            y = self.n("MatMul", [x, self.weight(head.turned(), "lm_head.T")])
        if how == "cast" or self.kind != FLOAT:
            y = self.cast(y, FLOAT)
        dims: "list[int | str]" = ["batch", "sequence", head.shape[0]]
        if how == "squeezed":
            y = self.n("Squeeze", [y, g.ints(0)])
            dims = dims[1:]
        g.output(y, "logits", FLOAT, dims)

    def run(self) -> bytes:
        self.inputs()
        self.table = self.weight(self.w["model.embed_tokens.weight"], "model.embed_tokens.weight")
        x = self.n("Gather", [self.table, self.ids])
        self.prepare()
        for layer in range(self.layers):
            x = self.layer(layer, x)
        self.logits(self.norm(x, "model.norm.weight"))
        return self.g.bytes()


def main() -> None:
    all_of = styles()
    if sys.argv[1:] == ["--list"]:
        print("\n".join(all_of))
        return
    folder, out, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(all_of)
    config = json.loads((folder / "config.json").read_text())
    weights = read_weights(folder)
    for name in names:
        (out / f"{name}.onnx").write_bytes(Llama(config, weights, all_of[name]).run())


if __name__ == "__main__":
    main()
