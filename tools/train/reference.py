#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes or checks a model's float32 reference: greedy continuations and a text's likelihood.

  reference.py MODEL_DIR -o FILE       write FILE for the prompts and the text below
  reference.py MODEL_DIR --check FILE  compute FILE's prompts and text again; exit 1 where they differ
"""
import argparse
import json
import os

import numpy as np

import bpe
from llama import Llama

PROMPTS = ["In the beginning God", "And the king said unto him,"]
TEXT = (
    "And it came to pass in those days, that there was a man of the land of Judah, whose name was Joab, and he had "
    "two sons. And the elder said unto his father, Behold, I will go up to the city, and buy bread, that we may eat "
    "and not die. And his father said unto him, Go in peace, my son, and the LORD be with thee in the way. So he "
    "arose early in the morning, and took his servant with him, and they went both of them together."
)
TOKENS = 200
ACTED_ON = 40  # comparisons with quantised weights look at this many tokens


def greedy(model, prompt_ids, limit):
    """Ids up to the end of sequence, and the gap between the two best logits at each."""
    cache = model.new_cache()
    row = model.logits(prompt_ids, cache)[-1]
    ids, margins = [], []
    while len(ids) < limit:
        best = int(row.argmax())
        if best in model.eos_ids():
            break
        second, first = np.sort(row)[-2:]
        ids.append(best)
        margins.append(float(first - second))
        row = model.logits([best], cache)[-1]
    return ids, margins


def write(model, tokenizer, path):
    result = {"made_with": "float32, no quantisation, plain numpy (tools/train/reference.py)", "greedy": {}}
    for prompt in PROMPTS:
        prompt_ids = [tokenizer.bos, *tokenizer.encode(prompt)]
        ids, margins = greedy(model, prompt_ids, TOKENS)
        result["greedy"][prompt] = {
            "prompt_ids": prompt_ids, "ids": ids, "text": prompt + tokenizer.decode(ids),
            "min_margin": min(margins), f"min_margin_{ACTED_ON}": min(margins[:ACTED_ON]),
        }
    ids = [tokenizer.bos, *tokenizer.encode(TEXT)]
    result["nll"] = {"text": TEXT, "ids": ids, "tokens": len(ids) - 1, "nll": float(model.nll(ids).mean())}
    with open(path, "w") as f:
        json.dump(result, f, indent=1, ensure_ascii=False)
        f.write("\n")


def check(model, path):
    with open(path) as f:
        expected = json.load(f)
    good = True
    for prompt, e in expected["greedy"].items():
        ids, margins = greedy(model, e["prompt_ids"], len(e["ids"]))
        same = ids == e["ids"] and abs(min(margins) - e["min_margin"]) < 1e-3
        good &= same
        print(f"{prompt!r}: {len(ids)} tokens {'equal' if same else 'DIFFER'}, min_margin {min(margins):.6f} ({e['min_margin']:.6f})")
    nll = model.nll(expected["nll"]["ids"]).mean()
    good &= bool(abs(nll - expected["nll"]["nll"]) < 1e-4)
    print(f"nll {nll:.6f} ({expected['nll']['nll']:.6f})")
    return good


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    what = ap.add_mutually_exclusive_group(required=True)
    what.add_argument("-o", "--output")
    what.add_argument("--check")
    args = ap.parse_args()
    model = Llama(args.model)
    if args.check:
        raise SystemExit(not check(model, args.check))
    write(model, bpe.Tokenizer.load(os.path.join(args.model, "tokenizer.json")), args.output)


if __name__ == "__main__":
    main()
