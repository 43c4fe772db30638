#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a checkpoint in one of the forms that are published, and plainly with the same numbers.

    pack.py FORM OUT [FOLDER]

FOLDER is a Hugging Face checkpoint in bf16, f16 or f32; without it a tiny random one is made. OUT
gets two folders, `packed` and `plain`, that compile to the same bytes with the same explicit
--weights (`keep` looks at the type of the source). With `lora`, OUT/packed is the model and
OUT/adapter its adapter. FORM is one of
"""
import pathlib
import sys

import forms
import tiny
from folder import Checkpoint


def _pair(form):
    def write(source, out):
        packed, plain = form(source)
        packed.write(out / "packed")
        plain.write(out / "plain")

    return write


def _sharded(source, out):
    source.write(out / "packed", shards=3)
    source.write(out / "plain")


def _lora(source, out):
    base, adapter, merged = forms.lora(source)
    base.write(out / "packed")
    adapter.write(out / "adapter", "adapter_config.json", "adapter_model")
    merged.write(out / "plain")


def _mistral(shards):
    def write(source, out):
        packed, plain = forms.mistral(source)
        packed.write(out / "packed", "params.json", "consolidated", shards)
        plain.write(out / "plain")

    return write


# By name: the family of the tiny model, what it is, and what writes it.
FORMS = {
    "mxfp4": ("gpt-oss", "experts as gpt-oss publishes them", _pair(forms.mxfp4)),
    "bitnet": ("bitnet", "ternary bytes, times weight_scale",
               _pair(lambda s: forms.bitnet(s, "autobitlinear"))),
    "bitnet-inverse": ("bitnet", "ternary bytes, over weight_scale",
                       _pair(lambda s: forms.bitnet(s, "bitlinear"))),
    "fp8": ("deepseek-v3", "FP8 in blocks of 128 x 128", _pair(forms.fp8)),
    "fp8-32": ("deepseek-v3", "FP8 in blocks of 32 x 32", _pair(lambda s: forms.fp8(s, 32))),
    "fused": ("mixtral", "all experts of a layer in two tensors", _pair(forms.fused)),
    "sharded": ("llama", "three files and their index", _sharded),
    "lora": ("llama", "a model and an adapter", _lora),
    "mistral": ("mistral", "consolidated.safetensors and params.json", _mistral(1)),
    "mistral-sharded": ("mistral", "the same in two files", _mistral(2)),
    "mistral-moe": ("mixtral", "the same with experts", _mistral(1)),
}


def main(arguments):
    if len(arguments) not in (2, 3) or arguments[0] not in FORMS:
        lines = [f"    {name:16}{text} (of {family})" for name, (family, text, _) in FORMS.items()]
        sys.exit(__doc__.strip() + "\n" + "\n".join(lines))
    family, _, write = FORMS[arguments[0]]
    source = Checkpoint.read(arguments[2]) if len(arguments) == 3 else tiny.checkpoint(family)
    write(source, pathlib.Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
