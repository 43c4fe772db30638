# SPDX-License-Identifier: MIT
"""A checkpoint in memory: configuration, tensors, and what else the folder has (the tokenizer)."""
import json
import math
import pathlib
import shutil
import struct

import floats


class Tensor:
    """Bytes with a type and a shape, outermost first. Not changed once made."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, list(shape), bytes(data)

    @classmethod
    def of(cls, dtype, shape, values):
        assert len(values) == math.prod(shape), (shape, len(values))
        return cls(dtype, shape, floats.encode(dtype, values))

    def values(self):
        return floats.decode(self.dtype, self.data)

    def rows(self):
        """Lists of floats, as long as the last dimension, over all the others."""
        values, k = self.values(), self.shape[-1]
        return [values[i : i + k] for i in range(0, len(values), k)]


def transposed(rows):
    return [list(column) for column in zip(*rows)]


def flat(rows):
    return [value for row in rows for value in row]


def read_safetensors(path):
    raw = path.read_bytes()
    (size,) = struct.unpack_from("<Q", raw)
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    header.pop("__metadata__", None)
    return {
        name: Tensor(e["dtype"], e["shape"], data[e["data_offsets"][0] : e["data_offsets"][1]])
        for name, e in header.items()
    }


def write_safetensors(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t in tensors.items():
        header[name] = {
            "dtype": t.dtype,
            "shape": t.shape,
            "data_offsets": [at, at + len(t.data)],
        }
        at += len(t.data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            out.write(t.data)


class Checkpoint:
    """`others`: files to copy as they are, by name."""

    def __init__(self, config, tensors, others=None):
        self.config, self.tensors, self.others = config, tensors, others or {}

    @classmethod
    def read(cls, folder):
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        tensors = {}
        for path in sorted(folder.glob("model*.safetensors")):
            tensors.update(read_safetensors(path))
        keep = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
        return cls(config, tensors, {n: folder / n for n in keep if (folder / n).exists()})

    def changed(self, tensors, **config):
        """Other tensors, and some keys of the configuration set."""
        return Checkpoint({**self.config, **config}, tensors, self.others)

    def write(self, folder, config_name="config.json", stem="model", shards=1):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / config_name).write_text(json.dumps(self.config, indent=1))
        for name, source in self.others.items():
            if isinstance(source, pathlib.Path):
                shutil.copyfile(source, folder / name)
            else:
                (folder / name).write_text(source)
        if shards == 1:
            write_safetensors(folder / f"{stem}.safetensors", self.tensors)
            return
        weight_map, names = {}, list(self.tensors)
        for s in range(shards):
            file = f"{stem}-{s + 1:05}-of-{shards:05}.safetensors"
            part = {n: self.tensors[n] for n in names[s::shards]}
            write_safetensors(folder / file, part)
            weight_map.update({n: file for n in part})
        index = {
            "metadata": {"total_size": sum(len(t.data) for t in self.tensors.values())},
            "weight_map": weight_map,
        }
        (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=1))
