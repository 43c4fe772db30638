#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Judges a model folder without PyTorch: held-out likelihood, the tokenizer's round trip, samples.

evaluate.py MODEL_DIR [--prompt TEXT] [--temperature T] [--seed N]. Needs bible-kjv for the chapters.
"""
import argparse
import math
import os

import numpy as np

import bpe
import corpus
from llama import Llama

PROMPTS = ["In the beginning", "And the king said", "The LORD is my", "Psalm 151\n", "Behold, a woman came"]


def sample(model, ids, limit, temperature, rng):
    cache, out = model.new_cache(), []
    row = model.logits(ids, cache)[-1]
    while len(out) < limit:
        if temperature > 0:
            p = np.exp((row - row.max()).astype(np.float64) / temperature)
            token = int(rng.choice(len(p), p=p / p.sum()))
        else:
            token = int(row.argmax())
        if token in model.eos_ids():
            break
        out.append(token)
        row = model.logits([token], cache)[-1]
    return out


def held_out(model, tokenizer, chapters):
    """As train.py's validation: the first tokens of each chapter, as many as the context takes."""
    total = count = characters = 0
    for chapter in chapters:
        ids = [tokenizer.bos, *tokenizer.encode(chapter.text), tokenizer.eos][: model.context + 1]
        total += model.nll(ids).sum()
        count += len(ids) - 1
        characters += len(tokenizer.decode(ids))
    print(f"held out: {count} tokens of {len(chapters)} chapters, nll {total / count:.4f} a token, "
          f"{total / characters / math.log(2):.4f} bits a character")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("model")
    ap.add_argument("--prompt", action="append")
    ap.add_argument("--temperature", type=float, default=0.7)
    ap.add_argument("--tokens", type=int, default=150)
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    model = Llama(args.model)
    tokenizer = bpe.Tokenizer.load(os.path.join(args.model, "tokenizer.json"))
    chapters = corpus.chapters()
    wrong = [c.heading for c in chapters if tokenizer.decode(tokenizer.encode(c.text)) != c.text]
    if wrong:
        raise SystemExit(f"the tokenizer does not give back: {', '.join(wrong)}")
    tokens = sum(len(tokenizer.encode(c.text)) for c in chapters)
    print(f"tokenizer: {len(chapters)} chapters come back whole, {sum(len(c.text) for c in chapters) / tokens:.2f} characters a token")
    held_out(model, tokenizer, corpus.split(chapters)[1])
    rng = np.random.default_rng(args.seed)
    for prompt in args.prompt or PROMPTS:
        for temperature in (0, args.temperature):
            ids = sample(model, [tokenizer.bos, *tokenizer.encode(prompt)], args.tokens, temperature, rng)
            print(f"\n[temperature {temperature}] {prompt}|{tokenizer.decode(ids)}")


if __name__ == "__main__":
    main()
