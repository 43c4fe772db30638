// SPDX-License-Identifier: MIT
// node judge.cjs MODULES MODEL.onnx OUT NAME,TYPE,SHAPE,NUMBERS...
//
// What ONNX Runtime (the package onnxruntime-node in the folder MODULES) makes of a graph: its logits, as 32-bit
// floats in OUT. Each input is its name, its type, its shape with x between dimensions, and its numbers, all the same
// (=1) or one by one (1:2:3).
"use strict";
const fs = require("fs");
const path = require("path");

const kArrays = {float32: Float32Array, int64: BigInt64Array, int32: Int32Array};

function tensor(ort, text) {
  const [name, type, dims, numbers] = text.split(",");
  const shape = dims === "" ? [] : dims.split("x").map(Number);
  const size = shape.reduce((a, b) => a * b, 1);
  const of = type === "int64" ? BigInt : Number;
  const data = numbers.startsWith("=") ? Array(size).fill(of(numbers.slice(1))) : numbers.split(":").map(of);
  return [name, new ort.Tensor(type, kArrays[type].from(data), shape)];
}

async function main([modules, model, out, ...inputs]) {
  const ort = require(path.join(modules, "onnxruntime-node"));
  const session = await ort.InferenceSession.create(model, {intraOpNumThreads: 1, graphOptimizationLevel: "basic"});
  // All outputs: of some that are named the package may give others.
  const results = await session.run(Object.fromEntries(inputs.map((text) => tensor(ort, text))));
  const data = results.logits.data;
  fs.writeFileSync(out, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
}

main(process.argv.slice(2)).catch((e) => {
  console.error(String(e));
  process.exit(1);
});
