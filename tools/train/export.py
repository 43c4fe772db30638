#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a training run's weights as a Hugging Face folder: export.py RUN_DIR MODEL_DIR [--weights last].

RUN_DIR is train.py's --out. Matrices and norms become bfloat16. The folder's README.md is written
by hand and left alone.
"""
import argparse
import json
import os
import shutil
import struct

import torch

import bpe


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, t in tensors.items():
        size = t.numel() * 2
        header[name] = {"dtype": "BF16", "shape": list(t.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.bfloat16().contiguous().view(torch.int16).numpy().tobytes())


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("run")
    ap.add_argument("model")
    ap.add_argument("--weights", choices=("average", "last"), default="average",
                    help="the average trails by 500 steps: on a slow machine the last weights may be better (log.txt: raw)")
    args = ap.parse_args()
    state = torch.load(os.path.join(args.run, "checkpoint.pt"), map_location="cpu")
    shape = state["shape"]
    source = os.path.join(args.run, "tokenizer.json")
    tokenizer = bpe.Tokenizer.load(source)
    os.makedirs(args.model, exist_ok=True)
    out = lambda name: os.path.join(args.model, name)

    shutil.copyfile(source, out("tokenizer.json"))
    write_safetensors(out("model.safetensors"), state["average" if args.weights == "average" else "model"])
    ids = {"bos_token_id": tokenizer.bos, "eos_token_id": tokenizer.eos}
    write_json(out("config.json"), {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", **shape,
        "head_dim": shape["hidden_size"] // shape["num_attention_heads"], "rope_scaling": None,
        "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, **ids, "torch_dtype": "bfloat16",
    })
    write_json(out("generation_config.json"), {**ids, "do_sample": True, "temperature": 0.7, "top_p": 0.95})
    write_json(out("tokenizer_config.json"), {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bpe.BOS, "eos_token": bpe.EOS,
        "add_bos_token": True, "add_eos_token": False, "add_prefix_space": False,
        "clean_up_tokenization_spaces": False, "model_max_length": shape["max_position_embeddings"],
    })
    print(f"step {state['step']}, {state['tokens']} tokens seen, {state['used'] / 60:.1f} minutes")
    print(sum(os.path.getsize(out(n)) for n in os.listdir(args.model)), "bytes in", args.model)


if __name__ == "__main__":
    main()
