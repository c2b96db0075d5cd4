import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { Graph, type Node, Tensor } from "../../src/graph/graph.js";
import { add, conv2d, greater, input, mean, mul, normalize, relu, select } from "../../src/graph/language.js";
import { verify } from "../../src/graph/verify.js";

/** A small network in scope netG/conv, and its loss. */
function network(): { x: Tensor; y: Tensor; loss: Tensor } {
  const graph = new Graph();
  const x = input(graph, "x", [1, 3, 8, 8]);
  const y = graph.scope("netG", () =>
    graph.scope("conv", () => conv2d(x, input(graph, "weight", [4, 3, 3, 3]))),
  );
  return { x, y, loss: mean(relu(normalize(y, [2, 3], 1e-5).y)) };
}

/** A copy of a node with something changed, as a faulty pass would leave it; returns its first output. */
function spoiled(tensor: Tensor, changes: Partial<Node>, type: Partial<Tensor> = {}): Tensor {
  const outputs: Tensor[] = [];
  const node = { ...tensor.node, outputs, ...changes } as Node;
  outputs.push(new Tensor(tensor.graph, node, 0, type.shape ?? tensor.shape, type.dtype ?? tensor.dtype));
  return outputs[0]!;
}

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: "E_GRAPH", message: expect.stringMatching(message) });

describe("verify", () => {
  it("accepts what the tensor language makes", () => {
    const { x, loss } = network();
    expect(() => verify([loss, ...gradients(loss, [x])])).not.toThrow();
  });

  it("names the operation and its scope where a shape is wrong", () => {
    const y = spoiled(network().y, {}, { shape: [1, 4, 7, 6] });
    expect(() => verify([relu(y)])).toThrow(
      refusal(/^conv2d #\d+ in netG\/conv says that output 0 is \[1, 4, 7, 6\], but it is \[1, 4, 6, 6\]\.$/),
    );
  });

  it("finds a wrong type", () => {
    const y = spoiled(network().y, {}, { dtype: "bool" });
    expect(() => verify([y])).toThrow(refusal(/conv2d .* says that output 0 is bool, but it is float32/));
  });

  it("finds inputs that do not fit each other", () => {
    const { x, y } = network();
    expect(() => verify([spoiled(y, { inputs: [y, x] })])).toThrow(
      refusal(/conv2d .* in netG\/conv has inputs that do not fit/),
    );
  });

  it("finds too few and too many inputs", () => {
    const { x, y } = network();
    expect(() => verify([spoiled(y, { inputs: [x] })])).toThrow(refusal(/has 1 inputs, not 2 to 3/));
    const four = [x, x, x, x];
    expect(() => verify([spoiled(y, { inputs: four })])).toThrow(refusal(/has 4 inputs, not 2 to 3/));
  });

  it("finds conditions where numbers belong, and the other way round", () => {
    const { x } = network();
    const condition = greater(x, 0);
    expect(() => verify([select(condition, x, 0)])).not.toThrow();
    expect(() => verify([select(x, x, 0)])).toThrow(refusal(/select .* takes bool as input 0, not float32/));
    expect(() => verify([add(x, condition)])).toThrow(refusal(/add .* takes float32 as input 1, not bool/));
  });

  it("finds an input that its node no longer gives", () => {
    const { x, y } = network();
    const dangling = new Tensor(y.graph, y.node, 0, y.shape, y.dtype);
    expect(() => verify([spoiled(relu(y), { inputs: [dangling] })])).toThrow(
      refusal(/relu .* has a dangling input 0, of conv2d #\d+ in netG\/conv/),
    );
    expect(() => verify([new Tensor(x.graph, x.node, 1, x.shape, x.dtype)])).toThrow(
      refusal(/input .* does not have the output that is asked for/),
    );
  });

  it("finds nodes that depend on themselves", () => {
    const inputs: Tensor[] = [];
    const y = spoiled(relu(network().y), { inputs });
    inputs.push(mul(y, 2));
    expect(() => verify([y])).toThrow(refusal(/comes before its input 0/));
  });

  it("finds outputs that are missing", () => {
    const { y } = network();
    expect(() => verify([spoiled(normalize(y, [2, 3], 1e-5).y, {})])).toThrow(
      refusal(/normalize .* has 1 outputs, not 3/),
    );
  });

  it("finds shapes that cannot be", () => {
    const graph = new Graph();
    const broken = graph.node("padZero", { before: [0.5], after: [0], steps: [1] }, [input(graph, "x", [2])]);
    expect(() => verify(broken)).toThrow(refusal(/padZero .* no possible shape, \[2\.5\]/));
  });

  it("finds inputs of another graph", () => {
    const { x } = network();
    const stranger = input(new Graph(), "stranger", x.shape);
    expect(() => verify([add(x, stranger)])).toThrow(refusal(/add .* has an input 1 from another graph/));
  });

  it("finds two inputs of one name", () => {
    const graph = new Graph();
    expect(() => verify([input(graph, "x", [1]), input(graph, "x", [2])])).toThrow(
      refusal(/second input of the name x/),
    );
  });
});
