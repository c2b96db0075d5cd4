import type { Node } from "../graph/graph.js";
import { constantValue } from "../graph/language.js";
import type { OpAttributes, OpName } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";
import {
  lowerConv,
  lowerConvTranspose,
  lowerConvWeightGradient,
  lowerDepthwiseWeightGradient,
} from "./lower-conv.js";
import {
  lowerNormalize,
  lowerPadZero,
  lowerReflectPad,
  lowerReflectPadAdjoint,
  lowerSlice,
  lowerUpsampleNearest,
  reducedAxes,
} from "./lower-spatial.js";
import {
  lowerConvWeightGradientAsConv,
  lowerDepthwiseWeightGradientAsConv,
  lowerNormalizeCentred,
  lowerSignByComparison,
  lowerSoftplusByLog,
} from "./lower-webgpu.js";
import {
  refusesWinograd,
  type WinogradUse,
  winogradConv,
  winogradInputGradient,
  winogradWeightGradient,
} from "./lower-winograd.js";
import { ONNX_TYPES } from "./model.js";

/** The execution provider of ONNX Runtime that a graph is made for. */
export type Target = "cpu" | "webgpu";

/** What a graph is lowered for. */
export interface LoweringSettings {
  /** Default `cpu`. */
  readonly target?: Target;
  /** On the CPU: 3×3 convolutions by Winograd's algorithm never (the default), where it is faster, or wherever it can be. */
  readonly conv?: "direct" | WinogradUse;
}

/** What a lowering sees of its node: the names of its inputs, and their and its first output's shapes. */
interface LoweringContext<K extends OpName> {
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly string[];
  readonly shapes: readonly Shape[];
  /** For each input, the number that all its elements share, where it is such a constant. */
  readonly values: readonly (number | undefined)[];
  readonly output: Shape;
}

/** Emits the ONNX nodes of one operation and returns the names of its outputs. */
type Lowering<K extends OpName> = (e: OnnxEmitter, node: LoweringContext<K>) => string | string[];

const simple =
  (opType: string) =>
  (e: OnnxEmitter, { inputs }: { readonly inputs: readonly string[] }): string =>
    e.one(opType, inputs);

const reduce =
  (opType: "ReduceSum" | "ReduceMean"): Lowering<"reduceSum" | "reduceMean"> =>
  (e, { attributes: { axes }, inputs, shapes: [x] }) =>
    e.one(opType, [inputs[0]!, reducedAxes(e, axes, x!)], { keepdims: 1 });

/** How every operation becomes ONNX, in one table. Inputs are named by the compiler. */
export const LOWERINGS: { readonly [K in Exclude<OpName, "input">]: Lowering<K> } = {
  constant: (e, { attributes: { shape, data } }) => e.floats(data, shape),

  neg: simple("Neg"),
  exp: simple("Exp"),
  log: simple("Log"),
  sqrt: simple("Sqrt"),
  reciprocal: simple("Reciprocal"),
  abs: simple("Abs"),
  sign: simple("Sign"),
  tanh: simple("Tanh"),
  sigmoid: simple("Sigmoid"),
  softplus: simple("Softplus"),
  relu: simple("Relu"),
  leakyRelu: (e, { attributes: { slope }, inputs }) =>
    e.one("LeakyRelu", inputs, { alpha: { float: slope } }),
  stopGradient: (_, { inputs }) => inputs[0]!,

  add: simple("Add"),
  sub: simple("Sub"),
  mul: simple("Mul"),
  div: simple("Div"),
  greater: simple("Greater"),
  // The slope of (leaky) ReLU: ONNX Runtime's Where takes several times as long.
  select: (e, { inputs, values: [, chosen, other] }) => {
    if (chosen !== 1 || other === undefined || other < 0 || other > 1) return e.one("Where", inputs);
    const mask = e.one("Cast", [inputs[0]!], { to: ONNX_TYPES.float });
    return other === 0 ? mask : e.one("Max", [mask, inputs[2]!]);
  },

  reduceSum: reduce("ReduceSum"),
  reduceMean: reduce("ReduceMean"),
  broadcast: (e, { attributes: { shape }, inputs }) => e.one("Expand", [inputs[0]!, e.ints(shape)]),
  reshape: (e, { attributes: { shape }, inputs }) => e.reshape(inputs[0]!, shape),
  transpose: (e, { attributes: { perm }, inputs }) => e.transpose(inputs[0]!, perm),
  slice: (e, { attributes, inputs, shapes }) => lowerSlice(e, inputs[0]!, attributes, shapes[0]!),
  padZero: (e, { attributes, inputs, shapes }) => lowerPadZero(e, inputs[0]!, attributes, shapes[0]!),
  reflectPad: (e, { attributes, inputs, output }) =>
    lowerReflectPad(e, inputs[0]!, attributes, output.length),
  reflectPadAdjoint: (e, { attributes, inputs, shapes }) =>
    lowerReflectPadAdjoint(e, inputs[0]!, attributes, shapes[0]!),
  concat: (e, { attributes: { axis }, inputs }) => e.concat(inputs, axis),
  upsampleNearest: (e, { attributes: { scale }, inputs, output }) =>
    lowerUpsampleNearest(e, inputs[0]!, scale, output.length),

  matmul: (e, { attributes: { transposeA, transposeB }, inputs: [a, b], shapes, output }) => {
    if (output.length === 2)
      return e.one("Gemm", [a!, b!], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 });
    const swap = (x: string, shape: Shape): string =>
      e.transpose(
        x,
        shape.map((_, axis) => (axis < shape.length - 2 ? axis : 2 * shape.length - 3 - axis)),
      );
    return e.one("MatMul", [transposeA ? swap(a!, shapes[0]!) : a!, transposeB ? swap(b!, shapes[1]!) : b!]);
  },
  conv2d: (e, { attributes, inputs, shapes }) => lowerConv(e, inputs, attributes, shapes[1]!),
  convTranspose2d: (e, { attributes, inputs, shapes }) =>
    lowerConvTranspose(e, inputs, attributes, shapes[0]!, shapes[1]!),
  convWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerConvWeightGradient(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  depthwiseConv2d: (e, { attributes, inputs, shapes }) =>
    lowerConv(e, inputs, attributes, shapes[1]!, shapes[1]![0]!),
  depthwiseConvTranspose2d: (e, { attributes, inputs, shapes }) =>
    lowerConvTranspose(e, inputs, attributes, shapes[0]!, shapes[1]!, shapes[1]![0]!),
  depthwiseConvWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerDepthwiseWeightGradient(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  normalize: (e, { attributes, inputs, shapes }) => lowerNormalize(e, inputs[0]!, attributes, shapes[0]!),
};

/** What WebGPU takes otherwise. */
const WEBGPU: Partial<typeof LOWERINGS> = {
  sign: (e, { inputs }) => lowerSignByComparison(e, inputs[0]!),
  softplus: (e, { inputs }) => lowerSoftplusByLog(e, inputs[0]!),
  select: simple("Where"),
  convWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerConvWeightGradientAsConv(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  depthwiseConvWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerDepthwiseWeightGradientAsConv(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  normalize: (e, { attributes, inputs, shapes }) =>
    lowerNormalizeCentred(e, inputs[0]!, attributes, shapes[0]!),
};

/** Convolutions that Winograd's algorithm takes; it refuses the others. */
const winograd = (use: WinogradUse): Partial<typeof LOWERINGS> => ({
  conv2d: (e, node) => {
    const { attributes, inputs, shapes, output } = node;
    return refusesWinograd(use, { ...attributes, kernel: shapes[1]!.slice(2) }, shapes[0]!, output)
      ? LOWERINGS.conv2d(e, node)
      : winogradConv(e, inputs, attributes, shapes[0]!, output);
  },
  convTranspose2d: (e, node) => {
    const { attributes, inputs, shapes, output } = node;
    return refusesWinograd(use, { ...attributes, kernel: shapes[1]!.slice(2) }, output, shapes[0]!)
      ? LOWERINGS.convTranspose2d(e, node)
      : winogradInputGradient(e, inputs, attributes, output, shapes[0]!);
  },
  convWeightGradient: (e, node) => {
    const { attributes, inputs, shapes } = node;
    return refusesWinograd(use, attributes, shapes[0]!, shapes[1]!)
      ? LOWERINGS.convWeightGradient(e, node)
      : winogradWeightGradient(e, inputs, attributes, shapes[0]!, shapes[1]!);
  },
});

const CPU: { readonly [C in Required<LoweringSettings>["conv"]]: typeof LOWERINGS } = {
  direct: LOWERINGS,
  auto: { ...LOWERINGS, ...winograd("auto") },
  winograd: { ...LOWERINGS, ...winograd("winograd") },
};
const ON_WEBGPU: typeof LOWERINGS = { ...LOWERINGS, ...WEBGPU };

/** Lowers one node, given the ONNX names of its inputs. */
export function lowerNode(
  e: OnnxEmitter,
  node: Node,
  inputs: readonly string[],
  { target = "cpu", conv = "direct" }: LoweringSettings = {},
): string[] {
  if (node.op === "input") throw new TypeError("Inputs are named, not lowered.");
  e.at(node.scope);
  const lowering = (target === "cpu" ? CPU[conv] : ON_WEBGPU)[node.op] as Lowering<OpName>;
  const shapes = node.inputs.map((input) => input.shape);
  const values = node.inputs.map(constantValue);
  const output = node.outputs[0]!.shape;
  const names = lowering(e, { attributes: node.attributes, inputs, shapes, values, output });
  return typeof names === "string" ? [names] : names;
}
