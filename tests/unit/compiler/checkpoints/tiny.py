# SPDX-License-Identifier: MIT
"""Tiny checkpoints with random weights in bf16, so that nothing but this folder is needed."""
import json
import math
import random

from folder import Checkpoint, Tensor

VOCABULARY, HIDDEN, LAYERS, CONTEXT = 264, 64, 2, 64


def _tokenizer():
    """256 bytes, <s> and </s>, by GPT-2's letters for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    letters = {b: chr(b) for b in plain}
    letters.update({b: chr(256 + i) for i, b in enumerate(others)})
    special = [
        {"id": 256 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for i, text in enumerate(("<s>", "</s>"))
    ]
    vocabulary = {letters[b]: b for b in range(256)}
    vocabulary.update({t["content"]: t["id"] for t in special})
    return json.dumps({
        "version": "1.0", "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "post_processor": None, "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "unk_token": None, "vocab": vocabulary, "merges": []},
    })


class _Maker:
    def __init__(self, seed):
        self.random, self.tensors = random.Random(seed), {}

    def add(self, name, *shape):
        norm = "norm" in name
        deviation = 0.1 if len(shape) == 1 else 1 / math.sqrt(shape[-1])
        values = [self.random.gauss(1 if norm else 0, deviation) for _ in range(math.prod(shape))]
        self.tensors[name] = Tensor.of("BF16", shape, values)

    def linear(self, prefix, n, k, bias=False):
        self.add(f"{prefix}.weight", n, k)
        if bias:
            self.add(f"{prefix}.bias", n)

    def attention(self, prefix, heads, kv_heads, head_dim, bias=False):
        for name, n in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            self.linear(f"{prefix}.{name}_proj", n * head_dim, HIDDEN, bias)
        self.linear(f"{prefix}.o_proj", HIDDEN, heads * head_dim, bias)

    def mlp(self, prefix, ffn):
        for name in ("gate", "up"):
            self.linear(f"{prefix}.{name}_proj", ffn, HIDDEN)
        self.linear(f"{prefix}.down_proj", HIDDEN, ffn)

    def norms(self, layer, *names):
        for name in names or ("input_layernorm", "post_attention_layernorm"):
            self.add(f"{layer}.{name}.weight", HIDDEN)

    def ends(self):
        self.add("model.embed_tokens.weight", VOCABULARY, HIDDEN)
        self.add("model.norm.weight", HIDDEN)
        self.add("lm_head.weight", VOCABULARY, HIDDEN)


def _config(architecture, model_type, ffn, **others):
    return {
        "architectures": [architecture], "model_type": model_type, "hidden_act": "silu",
        "hidden_size": HIDDEN, "intermediate_size": ffn, "num_hidden_layers": LAYERS,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "rope_scaling": None, "tie_word_embeddings": False, "bos_token_id": 256,
        "eos_token_id": 257, "torch_dtype": "bfloat16", **others,
    }


def _layers():
    return [(i, f"model.layers.{i}") for i in range(LAYERS)]


def _llama(make, architecture="LlamaForCausalLM", model_type="llama"):
    for _, layer in _layers():
        make.attention(f"{layer}.self_attn", 4, 2, 16)
        make.mlp(f"{layer}.mlp", 96)
        make.norms(layer)
    return _config(architecture, model_type, 96, head_dim=16)


def _mistral(make):
    return _llama(make, "MistralForCausalLM", "mistral")


def _mixtral(make):
    for _, layer in _layers():
        make.attention(f"{layer}.self_attn", 4, 2, 16)
        make.linear(f"{layer}.block_sparse_moe.gate", 4, HIDDEN)
        for e in range(4):
            expert = f"{layer}.block_sparse_moe.experts.{e}"
            make.linear(f"{expert}.w1", 96, HIDDEN)
            make.linear(f"{expert}.w2", HIDDEN, 96)
            make.linear(f"{expert}.w3", 96, HIDDEN)
        make.norms(layer)
    return _config("MixtralForCausalLM", "mixtral", 96, num_local_experts=4,
                   num_experts_per_tok=2, sliding_window=None)


def _gpt_oss(make):
    experts, ffn = 4, 64
    for _, layer in _layers():
        make.attention(f"{layer}.self_attn", 4, 2, 32, bias=True)
        make.add(f"{layer}.self_attn.sinks", 4)
        make.linear(f"{layer}.mlp.router", experts, HIDDEN, bias=True)
        make.add(f"{layer}.mlp.experts.gate_up_proj", experts, HIDDEN, 2 * ffn)
        make.add(f"{layer}.mlp.experts.gate_up_proj_bias", experts, 2 * ffn)
        make.add(f"{layer}.mlp.experts.down_proj", experts, ffn, HIDDEN)
        make.add(f"{layer}.mlp.experts.down_proj_bias", experts, HIDDEN)
        make.norms(layer)
    return _config(
        "GptOssForCausalLM", "gpt_oss", ffn, head_dim=32, num_local_experts=experts,
        num_experts_per_tok=2, attention_bias=True, sliding_window=16, swiglu_limit=7.0,
        layer_types=["sliding_attention", "full_attention"])


def _bitnet(make):
    for _, layer in _layers():
        make.attention(f"{layer}.self_attn", 4, 2, 16)
        make.add(f"{layer}.self_attn.attn_sub_norm.weight", HIDDEN)
        make.mlp(f"{layer}.mlp", 96)
        make.add(f"{layer}.mlp.ffn_sub_norm.weight", 96)
        make.norms(layer)
    return {**_config("BitNetForCausalLM", "bitnet", 96), "hidden_act": "relu2"}


def _deepseek_v3(make):
    for i, layer in _layers():
        a = f"{layer}.self_attn"
        make.linear(f"{a}.q_a_proj", 48, HIDDEN)
        make.add(f"{a}.q_a_layernorm.weight", 48)
        make.linear(f"{a}.q_b_proj", 4 * 24, 48)
        make.linear(f"{a}.kv_a_proj_with_mqa", 32 + 8, HIDDEN)
        make.add(f"{a}.kv_a_layernorm.weight", 32)
        make.linear(f"{a}.kv_b_proj", 4 * 32, 32)
        make.linear(f"{a}.o_proj", HIDDEN, 4 * 16)
        if i == 0:
            make.mlp(f"{layer}.mlp", 160)
        else:
            make.linear(f"{layer}.mlp.gate", 8, HIDDEN)
            make.add(f"{layer}.mlp.gate.e_score_correction_bias", 8)
            for e in range(8):
                make.mlp(f"{layer}.mlp.experts.{e}", 48)
            make.mlp(f"{layer}.mlp.shared_experts", 48)
        make.norms(layer)
    return _config(
        "DeepseekV3ForCausalLM", "deepseek_v3", 160, num_key_value_heads=4, q_lora_rank=48,
        kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16,
        first_k_dense_replace=1, moe_intermediate_size=48, n_routed_experts=8, n_shared_experts=1,
        num_experts_per_tok=2, n_group=2, topk_group=1, norm_topk_prob=True,
        routed_scaling_factor=2.5, rope_interleave=True)


_FAMILIES = {"llama": _llama, "mistral": _mistral, "mixtral": _mixtral, "gpt-oss": _gpt_oss,
             "bitnet": _bitnet, "deepseek-v3": _deepseek_v3}


def checkpoint(family, seed=1):
    make = _Maker(seed)
    config = _FAMILIES[family](make)
    make.ends()
    return Checkpoint(config, make.tensors, {"tokenizer.json": _tokenizer()})
