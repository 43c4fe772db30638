#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains the default model: train.py --out DIR [--minutes N]; run again with the same DIR to go on.

The learning rate follows the share of the time budget that has been used, not a step count: the run
ends on time on a machine of any speed, at the end of its schedule. Writes DIR/tokenizer.json,
DIR/checkpoint.pt and DIR/log.txt.
"""
import argparse
import json
import math
import os
import random
import time

import torch

import bpe
import corpus
from muon import Muon
from network import DropoutMasks, Llama, Shape

WARM_UP = 0.01  # share of the budget
LONG_FROM = 0.7  # share of the budget after which sequences have their full length
SHORT, LONG = 256, 512
STARTS = (("chapter", 0.3), ("verse", 0.5), ("word", 0.2))


class Sampler:
    """Sequences that open with <s> at a chapter's heading, at a verse, or at any word, and run on.

    A prompt is one of the three, so the model must know all of them. Every chapter ends with </s>.
    """

    def __init__(self, chapters, tokenizer, seed):
        self.tokenizer, self.random = tokenizer, random.Random(seed)
        self.verses = [(c, v) for c, chapter in enumerate(chapters) for v in range(len(chapter.verses))]
        self.chapters = chapters
        self.headed = [tokenizer.encode(chapter.text) for chapter in chapters]
        self.lines = [[tokenizer.encode("\n" + verse) for verse in chapter.verses] for chapter in chapters]

    def sequence(self, length):
        tk = self.tokenizer
        kind = self.random.choices([k for k, _ in STARTS], [w for _, w in STARTS])[0]
        c, v = self.random.choice(self.verses)
        if kind == "chapter":
            ids = [tk.bos, *self.headed[c]]
        else:
            words = self.chapters[c].verses[v].split(" ")
            first = self.random.randrange(len(words)) if kind == "word" else 0
            ids = [tk.bos, *tk.encode(" ".join(words[first:]))]
            for line in self.lines[c][v + 1 :]:
                ids += line
        ids.append(tk.eos)
        while len(ids) < length:
            c = (c + 1) % len(self.chapters)
            ids += [tk.bos, *self.headed[c], tk.eos]
        return ids[:length]

    def batch(self, size, time_steps):
        data = torch.tensor([self.sequence(time_steps + 1) for _ in range(size)])
        return data[:, :-1], data[:, 1:]


def validate(model, chapters, tokenizer):
    """Mean negative log-likelihood per token, and bits per character, of the chapters' first 512 tokens."""
    total = count = characters = 0
    model.eval()
    with torch.no_grad():
        for chapter in chapters:
            ids = [tokenizer.bos, *tokenizer.encode(chapter.text), tokenizer.eos][: LONG + 1]
            row = torch.tensor([ids])
            n = len(ids) - 1
            total += model(row[:, :-1], row[:, 1:]).item() * n
            count += n
            characters += len(tokenizer.decode(ids))
    model.train()
    return total / count, total / characters / math.log(2)


def optimisers(model, args):
    """Muon for the matrices inside the blocks, AdamW for the embedding and the norms."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    embedding = [p for n, p in model.named_parameters() if "embed" in n]
    norms = [p for p in model.parameters() if p.dim() == 1]
    adam = torch.optim.AdamW(
        [{"params": embedding, "weight_decay": args.weight_decay}, {"params": norms, "weight_decay": 0.0}],
        lr=args.lr, betas=(0.9, 0.98), foreach=True,
    )
    return [Muon(matrices, args.matrix_lr, args.weight_decay), adam]


def schedule(done):
    """Learning rate factor at a share of the budget: linear warm-up, then a cosine to zero."""
    return done / WARM_UP if done < WARM_UP else 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))


def save(path, **state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=85)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--tokens-per-step", type=int, default=4096)
    ap.add_argument("--lr", type=float, default=3e-3, help="embedding and norms")
    ap.add_argument("--matrix-lr", type=float, default=0.02)
    ap.add_argument("--dropout", type=float, default=0.1)
    ap.add_argument("--weight-decay", type=float, default=0.05)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--shape", type=json.loads, default={}, help="JSON object of Shape fields to change")
    args = ap.parse_args()

    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    shape = Shape(**args.shape)
    train, held = corpus.split(corpus.chapters())
    tokenizer = bpe.Tokenizer.trained("\n".join(c.text for c in train), shape.vocab_size)
    tokenizer.save(f"{args.out}/tokenizer.json")

    model, drop = Llama(shape), DropoutMasks(args.dropout)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    optimiser = optimisers(model, args)
    rates = [o.param_groups[0]["lr"] for o in optimiser]
    step, used, tokens = 0, 0.0, 0
    checkpoint = f"{args.out}/checkpoint.pt"
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        for o, saved in zip(optimiser, state["optimiser"]):
            o.load_state_dict(saved)
        average, step, used, tokens = state["average"], state["step"], state["used"], state["tokens"]
    sampler = Sampler(train, tokenizer, args.seed + step)
    per_epoch = sum(len(ids) + 2 for ids in sampler.headed)

    def log(line):
        with open(f"{args.out}/log.txt", "a") as f:
            print(time.strftime("%H:%M:%S", time.gmtime()), line, file=f)

    def report():
        live = {k: v.clone() for k, v in model.state_dict().items()}
        raw = validate(model, held, tokenizer)[0]
        model.load_state_dict(average)
        nll, bits = validate(model, held, tokenizer)
        model.load_state_dict(live)
        log(f"validation step {step} epoch {tokens / per_epoch:.1f} raw {raw:.4f} average {nll:.4f} bits/char {bits:.4f}")
        save(checkpoint, model=live, optimiser=[o.state_dict() for o in optimiser], average=average, shape=vars(shape), step=step,
             used=used, tokens=tokens, validation=(nll, bits))

    log(f"{sum(p.numel() for p in model.parameters())} parameters, {per_epoch} tokens an epoch, {vars(args)}")
    budget, last, recent = args.minutes * 60, time.monotonic(), []
    reported = used
    while used < budget:
        time_steps = LONG if used / budget >= LONG_FROM else SHORT
        ids, targets = sampler.batch(args.tokens_per_step // time_steps, time_steps)
        loss = model(ids, targets, drop)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o, rate in zip(optimiser, rates):
            for group in o.param_groups:
                group["lr"] = rate * schedule(used / budget)
            o.step()
        keep = min(0.998, (step + 1) / (step + 10))
        live = model.state_dict()
        for name, value in average.items():
            value.lerp_(live[name], 1 - keep)
        step, tokens = step + 1, tokens + ids.numel()
        recent.append(loss.item())
        now = time.monotonic()
        used, last = used + now - last, now
        if step % 50 == 0:
            log(f"step {step} used {used:.0f}s of {budget:.0f}s loss {sum(recent) / len(recent):.4f} tokens {tokens}")
            recent.clear()
        if used - reported > 120:
            report()
            reported, last = used, time.monotonic()
    report()


if __name__ == "__main__":
    main()
