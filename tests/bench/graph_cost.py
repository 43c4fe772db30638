#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a graph costs to compile beside the folder with the same weights: seconds, and memory at its highest.

    graph_cost.py BIN DIR [--shape SHAPE.json] [--folder f16] [--graph f16] [--weights int8 f16 f32] [--rounds 3]

Writes, where they are not there yet, a folder of random weights (DIR/folder-TYPE) and the same numbers as ONNX with
external data (DIR/graph-TYPE), as torch.onnx leaves them: matrices folded to [inputs, outputs]. Then llm-compile takes
both in turns. Memory is told as all that is resident at once (with pages of mapped files) and as what is not of files.
"""

import argparse
import array
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "compiler" / "graphs"))
from onnx_file import Graph  # noqa: E402

TYPES = {"f16": (10, "F16", "e", 2), "f32": (1, "F32", "f", 4)}  # ONNX, safetensors, struct, bytes
POOL = 1 << 20


class Llama(Graph):
    """In plain operators of opset 17, its weights in a file beside it."""

    def __init__(self, config: dict, kind: str) -> None:
        super().__init__()
        self.config, self.kind = config, kind

    def weight(self, name: str, shape: list[int]) -> str:
        """The next of the file beside."""
        number, _, _, size = TYPES[self.kind]
        for d in shape:
            size *= d
        self.beside(number, shape, size, "model.onnx.data", name)
        return name if self.kind == "f32" else self.node("Cast", [name], to=1)

    def linear(self, x: str, name: str, outputs: int, inputs: int) -> str:
        return self.node("MatMul", [x, self.weight(name, [inputs, outputs])])

    def norm(self, x: str, name: str) -> str:
        mean = self.node("ReduceMean", [self.node("Pow", [x, self.number(2)])], axes=[-1], keepdims=1)
        root = self.node("Sqrt", [self.node("Add", [mean, self.number(self.config["rms_norm_eps"])])])
        return self.node("Mul", [self.weight(name, [self.config["hidden_size"]]), self.node("Div", [x, root])])

    def angles(self) -> None:
        theta, half = self.config["rope_theta"], self.head // 2
        frequencies = [theta ** (-2 * i / self.head) for i in range(half)]
        tokens = self.node("Gather", [self.node("Shape", ["input_ids"]), self.integer(1)])
        positions = self.node("Range", [self.integer(0), tokens, self.integer(1)])
        column = self.node("Unsqueeze", [positions, self.ints(1)])
        angles = self.node("Mul", [self.node("Cast", [column], to=1), self.floats([1, half], frequencies)])
        both = self.node("Concat", [angles, angles], axis=-1)
        self.cos, self.sin = self.node("Cos", [both]), self.node("Sin", [both])
        seen = self.node("LessOrEqual", [positions, column])
        self.mask = self.node("Where", [seen, self.number(0), self.number(-3.4028234e38)])

    def heads(self, x: str, count: int) -> str:
        return self.node("Transpose", [self.node("Reshape", [x, self.ints(1, -1, count, self.head)])],
                         perm=[0, 2, 1, 3])

    def turned(self, x: str) -> str:
        half = self.head // 2

        def part(begin: int, end: int) -> str:
            return self.node("Slice", [x, self.ints(begin), self.ints(end), self.ints(3)])

        other = self.node("Concat", [self.node("Neg", [part(half, self.head)]), part(0, half)], axis=-1)
        return self.node("Add", [self.node("Mul", [x, self.cos]), self.node("Mul", [other, self.sin])])

    def repeated(self, x: str, kv: int, each: int) -> str:
        parts = self.node("Concat", [self.node("Unsqueeze", [x, self.ints(2)])] * each, axis=2)
        return self.node("Reshape", [parts, self.ints(1, kv * each, -1, self.head)])

    def layer(self, x: str, at: str) -> str:
        c = self.config
        hidden, ffn, heads, kv = (c["hidden_size"], c["intermediate_size"], c["num_attention_heads"],
                                  c["num_key_value_heads"])
        h = self.norm(x, at + "input_layernorm.weight")
        q = self.turned(self.heads(self.linear(h, at + "self_attn.q_proj.weight", hidden, hidden), heads))
        k = self.turned(self.heads(self.linear(h, at + "self_attn.k_proj.weight", kv * self.head, hidden), kv))
        v = self.heads(self.linear(h, at + "self_attn.v_proj.weight", kv * self.head, hidden), kv)
        k, v = self.repeated(k, kv, heads // kv), self.repeated(v, kv, heads // kv)
        scores = self.node("MatMul", [q, self.node("Transpose", [k], perm=[0, 1, 3, 2])])
        scores = self.node("Add", [self.node("Mul", [scores, self.number(self.head ** -0.5)]), self.mask])
        y = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), v])
        y = self.node("Reshape", [self.node("Transpose", [y], perm=[0, 2, 1, 3]), self.ints(1, -1, hidden)])
        x = self.node("Add", [x, self.linear(y, at + "self_attn.o_proj.weight", hidden, hidden)])
        h = self.norm(x, at + "post_attention_layernorm.weight")
        gate = self.linear(h, at + "mlp.gate_proj.weight", ffn, hidden)
        up = self.linear(h, at + "mlp.up_proj.weight", ffn, hidden)
        y = self.node("Mul", [self.node("Mul", [gate, self.node("Sigmoid", [gate])]), up])
        return self.node("Add", [x, self.linear(y, at + "mlp.down_proj.weight", hidden, ffn)])

    def run(self) -> bytes:
        c = self.config
        self.head = c["hidden_size"] // c["num_attention_heads"]
        self.input("input_ids", 7, ["batch", "sequence"])
        self.angles()
        table = self.weight("model.embed_tokens.weight", [c["vocab_size"], c["hidden_size"]])
        x = self.node("Gather", [table, "input_ids"])
        for layer in range(c["num_hidden_layers"]):
            x = self.layer(x, f"model.layers.{layer}.")
        x = self.norm(x, "model.norm.weight")
        logits = self.linear(x, "lm_head.weight", c["vocab_size"], c["hidden_size"])
        self.output(logits, "logits", 1, ["batch", "sequence", c["vocab_size"]])
        return self.bytes()


# ---- weights, the same for all files ----

def tensors(config: dict) -> "list[tuple[str, list[int]]]":
    """As checkpoints name and shape them, in the order in which the graph needs them."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    all_of: list[tuple[str, list[int]]] = [("model.embed_tokens.weight", [config["vocab_size"], hidden])]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        all_of += [(at + "input_layernorm.weight", [hidden]), (at + "self_attn.q_proj.weight", [hidden, hidden]),
                   (at + "self_attn.k_proj.weight", [kv, hidden]), (at + "self_attn.v_proj.weight", [kv, hidden]),
                   (at + "self_attn.o_proj.weight", [hidden, hidden]),
                   (at + "post_attention_layernorm.weight", [hidden]), (at + "mlp.gate_proj.weight", [ffn, hidden]),
                   (at + "mlp.up_proj.weight", [ffn, hidden]), (at + "mlp.down_proj.weight", [hidden, ffn])]
    return all_of + [("model.norm.weight", [hidden]), ("lm_head.weight", [config["vocab_size"], hidden])]


class Weights:
    """Parts of one list of random numbers, that f16 holds: their making is no part of what is measured."""

    def __init__(self, kind: str) -> None:
        of = random.Random(1)
        halves = struct.pack(f"<{POOL}e", *(of.gauss(0, 0.02) for _ in range(POOL)))
        _, _, code, size = TYPES[kind]
        self.pool = struct.pack(f"<{POOL}{code}", *struct.unpack(f"<{POOL}e", halves))
        self.ones = struct.pack(f"<{code}", 1.0)
        self.item, self.code = size, {2: "H", 4: "I"}[size]

    def of(self, name: str, shape: "list[int]") -> bytes:
        if len(shape) == 1:
            return self.ones * shape[0]
        need, start = shape[0] * shape[1] * self.item, random.Random(name).randrange(POOL) * self.item
        twice = self.pool + self.pool
        out = bytearray()
        while len(out) < need:
            out += twice[start:start + min(len(self.pool), need - len(out))]
            start = (start + 7919 * self.item) % len(self.pool)
        return bytes(out)

    def turned(self, name: str, shape: "list[int]") -> bytes:
        rows = array.array(self.code, self.of(name, shape))
        return b"".join(rows[c::shape[1]].tobytes() for c in range(shape[1]))


def write_folder(folder: Path, config: dict, kind: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    vocabulary = {f"<{i}>": i for i in range(config["vocab_size"])}
    tokenizer = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "decoder": None,
                 "post_processor": None,
                 "model": {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": None, "byte_fallback": False,
                           "fuse_unk": False, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                           "dropout": None}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    weights, header, at = Weights(kind), {}, 0
    for name, shape in tensors(config):
        size = TYPES[kind][3]
        for d in shape:
            size *= d
        header[name] = {"dtype": TYPES[kind][1], "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name, shape in tensors(config):
            file.write(weights.of(name, shape))


def write_graph(folder: Path, config: dict, kind: str) -> None:
    folder.mkdir(parents=True)
    weights = Weights(kind)
    with open(folder / "model.onnx.data", "wb") as file:
        for name, shape in tensors(config):
            as_it_is = len(shape) == 1 or name == "model.embed_tokens.weight"
            file.write(weights.of(name, shape) if as_it_is else weights.turned(name, shape))
    (folder / "model.onnx").write_bytes(Llama(config, kind).run())


# ---- measuring ----

def memory(pid: int) -> "tuple[int, int]":
    """MiB: the most that was resident so far, and what now is not of files."""
    found = {}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key in ("VmHWM", "RssAnon"):
                found[key] = int(value.split()[0]) >> 10
    except OSError:
        pass
    return found.get("VmHWM", 0), found.get("RssAnon", 0)


def run(command: "list[str]") -> "dict[str, float]":
    begin, resident, anonymous = time.monotonic(), 0, 0
    process = subprocess.Popen(command)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        most, now = memory(process.pid)
        resident, anonymous = max(resident, most), max(anonymous, now)
        time.sleep(0.02)
    if status:
        sys.exit(f"{' '.join(command)}: status {status}")
    return {"wall s": time.monotonic() - begin, "user s": usage.ru_utime, "system s": usage.ru_stime,
            "resident MiB": resident, "not of files MiB": anonymous}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--shape", type=Path, default=Path(__file__).parent / "shapes" / "1.1b.json")
    parser.add_argument("--folder", choices=TYPES, default="f16")
    parser.add_argument("--graph", choices=TYPES, default="f16")
    parser.add_argument("--weights", nargs="+", default=["int8", "f16", "f32"])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    config = json.loads(args.shape.read_text())
    folder, graph = args.dir / f"folder-{args.folder}", args.dir / f"graph-{args.graph}"
    if not folder.exists():
        write_folder(folder, config, args.folder)
    if not graph.exists():
        write_graph(graph, config, args.graph)
    out = args.dir / "out.skald"
    for weights in args.weights:
        found: dict[str, list[dict[str, float]]] = {"folder": [], "graph": []}
        for _ in range(args.rounds):
            for what, model in (("folder", [str(folder)]),
                                ("graph", [str(graph / "model.onnx"), "--tokenizer", str(folder)])):
                found[what].append(run([str(args.bin / "llm-compile"), *model, "-o", str(out), "--weights", weights]))
                out.unlink()
        print(f"{weights}: folder of {args.folder}, graph of {args.graph}, medians of {args.rounds}")
        for key in found["folder"][0]:
            a, b = (statistics.median(r[key] for r in found[what]) for what in ("folder", "graph"))
            print(f"  {key:18} folder {a:8.1f}   graph {b:8.1f}   x {b / max(a, 0.01):.2f}   {b - a:+.1f}", flush=True)


main()
