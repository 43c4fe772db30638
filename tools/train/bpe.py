# SPDX-License-Identifier: MIT
"""Byte-level BPE in the GPT-2 manner: trainer, encoder, and Hugging Face tokenizer.json.

No normaliser. The pre-tokeniser is GPT-2's pattern; bytes are written as GPT-2's 256 printable
characters. Ids: <s> 0, </s> 1, the 256 bytes in GPT-2's order, then one id per merge.
"""
import collections
import heapq
import json

import regex

PATTERN = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")
BOS, EOS = "<s>", "</s>"
SPECIALS = [BOS, EOS]


def byte_characters():
    """GPT-2's byte -> character table: printable Latin-1 stands for itself, the rest moves to U+0100 up."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {b: chr(b) for b in plain}
    for b in range(256):
        if b not in table:
            table[b] = chr(0x100 + len(table) - len(plain))
    return table


BYTE_TO_CHAR = byte_characters()
CHAR_TO_BYTE = {c: b for b, c in BYTE_TO_CHAR.items()}


def pieces(text):
    """The pre-tokeniser: the parts of a text that merges never cross, as byte-level strings."""
    return ["".join(BYTE_TO_CHAR[b] for b in m.group().encode()) for m in PATTERN.finditer(text)]


def train(text, vocab_size):
    """The merges, most frequent pair first; ties go to the smaller pair, so that runs agree."""
    counts = collections.Counter(pieces(text))
    words = [list(w) for w in counts]
    weight = list(counts.values())
    pair_count, pair_words = collections.Counter(), collections.defaultdict(set)
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pair_count[pair] += weight[i]
            pair_words[pair].add(i)
    heap = [(-n, pair) for pair, n in pair_count.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(SPECIALS) + 256 + len(merges) < vocab_size:
        n, pair = heapq.heappop(heap)
        if pair_count[pair] != -n:
            if pair_count[pair] > 0:
                heapq.heappush(heap, (-pair_count[pair], pair))
            continue
        merges.append(pair)
        grown = set()
        for i in pair_words.pop(pair):
            old, new = words[i], merge(words[i], pair)
            for p in zip(old, old[1:]):
                pair_count[p] -= weight[i]
            for p in zip(new, new[1:]):
                pair_count[p] += weight[i]
                pair_words[p].add(i)
                grown.add(p)
            words[i] = new
        for p in grown:
            heapq.heappush(heap, (-pair_count[p], p))
    return merges


def merge(word, pair):
    """Joins every occurrence of the pair, from the left."""
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, vocab, merges):
        self.vocab, self.ranks = vocab, {pair: i for i, pair in enumerate(merges)}
        self.token = {i: t for t, i in vocab.items()}
        self.bos, self.eos = vocab[BOS], vocab[EOS]
        self.cache = {}

    @classmethod
    def trained(cls, text, vocab_size):
        merges = train(text, vocab_size)
        tokens = SPECIALS + list(BYTE_TO_CHAR.values()) + [a + b for a, b in merges]
        return cls({t: i for i, t in enumerate(tokens)}, merges)

    def encode(self, text):
        """Ids of plain text, without specials."""
        return [i for piece in pieces(text) for i in self.encode_piece(piece)]

    def encode_piece(self, piece):
        if piece not in self.cache:
            word = list(piece)
            while len(word) > 1:
                best = min(zip(word, word[1:]), key=lambda p: self.ranks.get(p, 1 << 30))
                if best not in self.ranks:
                    break
                word = merge(word, best)
            self.cache[piece] = [self.vocab[t] for t in word]
        return self.cache[piece]

    def decode(self, ids):
        """Text of ids; specials are dropped, broken UTF-8 becomes U+FFFD."""
        chars = "".join(self.token[i] for i in ids if self.token[i] not in SPECIALS)
        return bytes(CHAR_TO_BYTE[c] for c in chars).decode(errors="replace")

    def save(self, path):
        """Writes tokenizer.json as Hugging Face's tokenizers library reads it."""
        special = lambda t: {"id": self.vocab[t], "content": t, "single_word": False, "lstrip": False,
                             "rstrip": False, "normalized": False, "special": True}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        sequence = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
        bos = {"SpecialToken": {"id": BOS, "type_id": 0}}
        document = {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [special(t) for t in SPECIALS],
            "normalizer": None, "pre_tokenizer": byte_level,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [bos, sequence("A", 0)],
                "pair": [bos, sequence("A", 0), sequence("B", 1)],
                "special_tokens": {BOS: {"id": BOS, "ids": [self.bos], "tokens": [BOS]}},
            },
            "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": self.vocab, "merges": [f"{a} {b}" for a, b in self.ranks],
            },
        }
        with open(path, "w") as f:
            json.dump(document, f, ensure_ascii=False, indent=0)
            f.write("\n")

    @classmethod
    def load(cls, path):
        with open(path) as f:
            model = json.load(f)["model"]
        return cls(model["vocab"], [tuple(m.split(" ")) for m in model["merges"]])
