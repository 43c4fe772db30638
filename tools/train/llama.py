# SPDX-License-Identifier: MIT
"""A Llama in plain numpy, float32, from a Hugging Face folder: the arithmetic to compare others with.

Written from the architecture's definition, apart from both the trainer and the card's code.
"""
import json
import math
import os
import struct

import numpy as np

f32 = np.float32


def read_safetensors(path):
    """name -> float32 array."""
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(length)), f.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        raw = data[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            array = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(f32)
        else:
            array = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(f32)
        tensors[name] = array.reshape(entry["shape"])
    return tensors


class Llama:
    def __init__(self, folder):
        with open(os.path.join(folder, "config.json")) as f:
            self.config = c = json.load(f)
        if c["model_type"] != "llama" or c.get("rope_scaling"):
            raise SystemExit(f"{folder}: not a plain Llama")
        self.weights = w = read_safetensors(os.path.join(folder, "model.safetensors"))
        self.heads, self.kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
        self.dim = c["hidden_size"] // self.heads
        self.context = c["max_position_embeddings"]
        self.output = w["model.embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"]
        half = self.dim // 2
        frequency = c["rope_theta"] ** -(np.arange(half) / half)
        angle = np.outer(np.arange(self.context), frequency)
        self.cos, self.sin = np.cos(angle).astype(f32)[:, None], np.sin(angle).astype(f32)[:, None]

    def norm(self, x, name):
        scale = 1 / np.sqrt(np.mean(x * x, -1, keepdims=True) + f32(self.config["rms_norm_eps"]))
        return x * scale * self.weights[name]

    def rotate(self, x, start):
        """x [time, head, dim]; pairs are the two halves."""
        a, b = np.split(x, 2, -1)
        cos, sin = self.cos[start : start + len(x)], self.sin[start : start + len(x)]
        return np.concatenate((a * cos - b * sin, b * cos + a * sin), -1)

    def attend(self, x, layer, cache):
        """x [time, hidden]; cache holds this layer's earlier keys and values and grows."""
        proj = lambda name, heads: (x @ self.weights[f"{layer}.self_attn.{name}_proj.weight"].T).reshape(len(x), heads, -1)
        start = len(cache[0])
        q = self.rotate(proj("q", self.heads), start)
        cache[0] = np.concatenate((cache[0], self.rotate(proj("k", self.kv_heads), start)))
        cache[1] = np.concatenate((cache[1], proj("v", self.kv_heads)))
        k, v = (np.repeat(t, self.heads // self.kv_heads, 1) for t in cache)
        scores = np.einsum("qhd,khd->hqk", q, k) / f32(math.sqrt(self.dim))
        hidden = np.arange(len(k)) > np.arange(start, len(k))[:, None]
        scores = np.where(hidden, f32(-np.inf), scores)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        out = np.einsum("hqk,khd->qhd", p, v).reshape(len(x), -1)
        return out @ self.weights[f"{layer}.self_attn.o_proj.weight"].T

    def feed_forward(self, x, layer):
        gate, up, down = (self.weights[f"{layer}.mlp.{n}_proj.weight"].T for n in ("gate", "up", "down"))
        g = x @ gate
        return (g / (1 + np.exp(-g)) * (x @ up)) @ down

    def new_cache(self):
        empty = np.zeros((0, self.kv_heads, self.dim), f32)
        return [[empty, empty] for _ in range(self.config["num_hidden_layers"])]

    def logits(self, ids, cache):
        """Logits [len(ids), vocabulary] of ids that follow what the cache has seen."""
        x = self.weights["model.embed_tokens.weight"][np.asarray(ids)]
        for i, layer_cache in enumerate(cache):
            layer = f"model.layers.{i}"
            x = x + self.attend(self.norm(x, f"{layer}.input_layernorm.weight"), layer, layer_cache)
            x = x + self.feed_forward(self.norm(x, f"{layer}.post_attention_layernorm.weight"), layer)
        return self.norm(x, "model.norm.weight") @ self.output.T

    def eos_ids(self):
        eos = self.config["eos_token_id"]
        return set(eos) if isinstance(eos, list) else {eos}

    def nll(self, ids):
        """Negative log-likelihood of each of ids[1:], float64."""
        rows = self.logits(ids[:-1], self.new_cache()).astype(np.float64)
        top = rows.max(-1)
        return top + np.log(np.exp(rows - top[:, None]).sum(-1)) - rows[np.arange(len(rows)), ids[1:]]
