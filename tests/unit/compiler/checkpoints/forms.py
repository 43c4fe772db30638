# SPDX-License-Identifier: MIT
"""Forms in which checkpoints are published: each makes, from one in floats, the packed checkpoint
and the plain one with exactly its numbers."""
import math
import random
import re
import struct

import floats
from folder import Checkpoint, Tensor, flat, transposed


# ---- gpt-oss: MXFP4 experts --------------------------------------------------------------------


def _mxfp4_row(row):
    """(codes of e2m1, exponents of blocks of 32, the numbers they stand for)"""
    codes, exponents, values = [], [], []
    for at in range(0, len(row), 32):
        block = row[at : at + 32]
        largest = max(map(abs, block))
        exponent = max(-127, math.frexp(largest)[1] - 3) if largest else 0
        block_codes = [floats.e2m1_code(math.ldexp(x, -exponent)) for x in block]
        codes += block_codes
        exponents.append(exponent + 127)
        values += [math.ldexp(floats.e2m1_value(c), exponent) for c in block_codes]
    return codes, exponents, values


def mxfp4(source):
    """mlp.experts.*_proj [experts, in, out] become *_blocks and *_scales with rows of `in`."""
    packed, plain = {}, {}
    for name, t in source.tensors.items():
        if not re.search(r"\.experts\.(gate_up|down)_proj$", name):
            packed[name] = plain[name] = t
            continue
        experts, k, n = t.shape
        rows = t.rows()
        blocks, scales, values = bytearray(), bytearray(), []
        for e in range(experts):
            made = []
            for row in transposed(rows[e * k : (e + 1) * k]):
                codes, exponents, numbers = _mxfp4_row(row)
                blocks += bytes(a | b << 4 for a, b in zip(codes[::2], codes[1::2]))
                scales += bytes(exponents)
                made.append(numbers)
            values += flat(transposed(made))
        packed[f"{name}_blocks"] = Tensor("U8", [experts, n, k // 32, 16], blocks)
        packed[f"{name}_scales"] = Tensor("U8", [experts, n, k // 32], scales)
        plain[name] = Tensor.of("BF16", t.shape, values)
        assert plain[name].values() == values
    method = {
        "quant_method": "mxfp4",
        "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                   "model.embed_tokens", "lm_head"],
    }
    return source.changed(packed, quantization_config=method), source.changed(plain)


# ---- BitNet: four ternary weights in a byte ------------------------------------------------------


def bitnet(source, linear_class):
    """autobitlinear multiplies with weight_scale, bitlinear divides by it."""
    packed, plain = {}, {}
    for name, t in source.tensors.items():
        if len(t.shape) != 2 or not name.endswith("_proj.weight"):
            packed[name] = plain[name] = t
            continue
        n, k = t.shape
        assert n % 4 == 0, name
        values = t.values()
        mean = sum(map(abs, values)) / len(values)
        ternary = [max(-1, min(1, round(x / mean))) for x in values]
        scale = Tensor.of("BF16", [1], [mean if linear_class == "autobitlinear" else 1 / mean])
        stored = scale.values()[0]
        factor = stored if linear_class == "autobitlinear" else floats.f32(1 / stored)
        quarter = n // 4 * k
        data = bytes(
            sum((ternary[q * quarter + i] + 1) << 2 * q for q in range(4)) for i in range(quarter))
        packed[name] = Tensor("U8", [n // 4, k], data)
        packed[f"{name}_scale"] = scale
        plain[name] = Tensor.of("F32", t.shape, [factor * w for w in ternary])
    method = {"quant_method": "bitnet", "linear_class": linear_class}
    if linear_class == "autobitlinear":
        method["quantization_mode"] = "offline"
    return source.changed(packed, quantization_config=method), source.changed(plain)


# ---- DeepSeek-V3: FP8 in blocks ------------------------------------------------------------------


def fp8(source, block=128):
    packed, plain = {}, {}
    for name, t in source.tensors.items():
        if len(t.shape) != 2 or not re.search(r"_proj(_with_mqa)?\.weight$", name):
            packed[name] = plain[name] = t
            continue
        n, k = t.shape
        rows = t.rows()
        codes, values, scales = [[] for _ in rows], [[] for _ in rows], []
        for r in range(0, n, block):
            for c in range(0, k, block):
                part = [row[c : c + block] for row in rows[r : r + block]]
                scale = floats.f32(max(abs(x) for row in part for x in row) / 448) or 1.0
                scales.append(scale)
                for i, row in enumerate(part, r):
                    row_codes = [floats.e4m3_code(x / scale) for x in row]
                    codes[i] += row_codes
                    values[i] += [floats.e4m3_value(code) * scale for code in row_codes]
        packed[name] = Tensor("F8_E4M3", t.shape, bytes(flat(codes)))
        packed[f"{name}_scale_inv"] = Tensor.of("F32", [-(-n // block), -(-k // block)], scales)
        plain[name] = Tensor.of("F32", t.shape, flat(values))
    method = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
              "weight_block_size": [block, block]}
    return source.changed(packed, quantization_config=method), source.changed(plain)


# ---- experts in one tensor of all ------------------------------------------------------------------

_EXPERT = re.compile(r"(.*\.)(mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$")
_ROLES = {"w1": "gate", "w3": "up", "w2": "down",
          "gate_proj": "gate", "up_proj": "up", "down_proj": "down"}


def fused(source):
    """mlp.experts.gate_up_proj [experts, 2 ffn, hidden], the gates first, and down_proj."""
    packed, experts = {}, {}
    for name, t in source.tensors.items():
        match = _EXPERT.match(name)
        if match:
            layer, _, e, role = match.groups()
            experts.setdefault(layer, {}).setdefault(int(e), {})[_ROLES[role]] = t
        else:
            packed[name.replace(".block_sparse_moe.", ".mlp.")] = t
    for layer, by_id in experts.items():
        every = [by_id[e] for e in range(len(by_id))]
        ffn, hidden = every[0]["gate"].shape
        dtype = every[0]["gate"].dtype
        packed[f"{layer}mlp.experts.gate_up_proj"] = Tensor(
            dtype, [len(every), 2 * ffn, hidden],
            b"".join(x["gate"].data + x["up"].data for x in every))
        packed[f"{layer}mlp.experts.down_proj"] = Tensor(
            dtype, [len(every), hidden, ffn], b"".join(x["down"].data for x in every))
    return source.changed(packed), source


# ---- LoRA ------------------------------------------------------------------------------------------


def lora(source, rank=4, alpha=8, seed=1):
    """(base, adapter, merged). Products of the two are exact in f32, so that the sum rounds once."""
    make, adapter, merged = random.Random(seed), {}, dict(source.tensors)
    modules = set()
    scale = alpha / rank
    for name, t in source.tensors.items():
        match = re.search(r"\.(self_attn|mlp)\.(\w+_proj)\.weight$", name)
        if not match:
            continue
        modules.add(match.group(2))
        n, k = t.shape
        a = [[make.randint(-8, 8) / 64 for _ in range(k)] for _ in range(rank)]
        b = [[make.randint(-8, 8) / 64 for _ in range(rank)] for _ in range(n)]
        prefix = "base_model.model." + name.removesuffix(".weight")
        adapter[f"{prefix}.lora_A.weight"] = Tensor.of("BF16", [rank, k], flat(a))
        adapter[f"{prefix}.lora_B.weight"] = Tensor.of("BF16", [n, rank], flat(b))
        columns = transposed(a)
        values = [
            w + scale * sum(x * y for x, y in zip(b_row, column))
            for row, b_row in zip(t.rows(), b) for w, column in zip(row, columns)
        ]
        merged[name] = Tensor.of("F32", t.shape, values)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "base",
        "r": rank, "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none", "use_rslora": False,
        "use_dora": False, "fan_in_fan_out": False, "inference_mode": True,
        "target_modules": sorted(modules), "modules_to_save": None, "rank_pattern": {},
        "alpha_pattern": {}, "layers_to_transform": None,
    }
    return source, Checkpoint(config, adapter), source.changed(merged)


# ---- Mistral's own layout --------------------------------------------------------------------------

_MISTRAL = [
    (r"model\.embed_tokens\.", "tok_embeddings."), (r"model\.norm\.", "norm."),
    (r"lm_head\.", "output."), (r"model\.layers\.", "layers."),
    (r"self_attn\.([qkvo])_proj", r"attention.w\1"), (r"mlp\.gate_proj", "feed_forward.w1"),
    (r"mlp\.down_proj", "feed_forward.w2"), (r"mlp\.up_proj", "feed_forward.w3"),
    (r"block_sparse_moe\.", "feed_forward."), (r"input_layernorm", "attention_norm"),
    (r"post_attention_layernorm", "ffn_norm"),
]


def _interleaved(t, head_dim):
    """Rotary pairs side by side: row 2 i + j of a head is row i + j * head_dim / 2 of Hugging Face's."""
    size = len(t.data) // t.shape[0]
    out = []
    for r in range(t.shape[0]):
        head, i = divmod(r, head_dim)
        source = head * head_dim + i // 2 + i % 2 * (head_dim // 2)
        out.append(t.data[source * size : (source + 1) * size])
    return Tensor(t.dtype, t.shape, b"".join(out))


def mistral(source):
    """consolidated.safetensors with params.json, and the Hugging Face folder it is of."""
    c = source.config
    heads = c["num_attention_heads"]
    head_dim = c.get("head_dim") or c["hidden_size"] // heads
    tensors = {}
    for name, t in source.tensors.items():
        rotary = re.search(r"self_attn\.[qk]_proj", name)
        for pattern, text in _MISTRAL:
            name = re.sub(pattern, text, name)
        tensors[name] = _interleaved(t, head_dim) if rotary else t
    params = {
        "dim": c["hidden_size"], "n_layers": c["num_hidden_layers"], "head_dim": head_dim,
        "hidden_dim": c["intermediate_size"], "n_heads": heads,
        "n_kv_heads": c["num_key_value_heads"], "norm_eps": c["rms_norm_eps"],
        "vocab_size": c["vocab_size"], "rope_theta": c["rope_theta"],
        "max_seq_len": c["max_position_embeddings"],
    }
    if c.get("sliding_window"):
        params["sliding_window"] = c["sliding_window"]
    if "num_local_experts" in c:
        params["moe"] = {"num_experts": c["num_local_experts"],
                         "num_experts_per_tok": c["num_experts_per_tok"]}
    return Checkpoint(params, tensors, source.others), source
