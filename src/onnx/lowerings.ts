import type { Node, Tensor } from "../graph/graph.js";
import { constantValue } from "../graph/language.js";
import type { OpName } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";
import {
  lowerConv,
  lowerConvTranspose,
  lowerConvWeightGradient,
  lowerDepthwiseWeightGradient,
} from "./lower-conv.js";
import { convToFew, convTransposeToFew } from "./lower-few-outputs.js";
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
import type { WinogradUse } from "./lower-winograd.js";
import type { Lowering, LoweringContext, LoweringTable } from "./lowering.js";
import { winogradLowerings } from "./winograd-lowerings.js";

/** The execution provider of ONNX Runtime that a graph is made for, or `any` runtime. */
export type Target = "cpu" | "webgpu" | "any";

/** What a graph is lowered for. */
export interface LoweringSettings {
  /** Default `cpu`. */
  readonly target?: Target;
  /** On the CPU: convolutions by Winograd's algorithm never (the default), where it is faster, or wherever it can be. */
  readonly conv?: "direct" | WinogradUse;
  /** Whether convolutions and matrix products, with their gradients, are computed in float16; default false. */
  readonly fp16?: boolean;
}

const simple =
  (opType: string) =>
  (e: OnnxEmitter, { inputs }: { readonly inputs: readonly string[] }): string =>
    e.one(opType, inputs);

const reduce =
  (opType: "ReduceSum" | "ReduceMean"): Lowering<"reduceSum" | "reduceMean"> =>
  (e, { attributes: { axes }, inputs, shapes: [x] }) =>
    e.one(opType, [inputs[0]!, reducedAxes(e, axes, x!)], { keepdims: 1 });

/** Times this, the smallest positive number that is not denormal, and any larger one, is at least 1. */
const STEEP = 1e38;

/**
 * The slope of (leaky) ReLU, 1 where x > 0 and less elsewhere: a clipped line. ONNX Runtime's Where takes several times as long, and a
 * comparison would make numbers of another type, which have to be converted.
 */
function lowerSlope(
  e: OnnxEmitter,
  { tensors: [condition], values: [, chosen, other], nameOf }: LoweringContext<"select">,
): string | undefined {
  const { op, inputs } = condition!.node;
  if (op !== "greater" || constantValue(inputs[1]!) !== 0 || inputs[1]!.size !== 1) return undefined;
  if (chosen !== 1 || other === undefined || other < 0 || other > 1) return undefined;
  const x = nameOf(inputs[0]!);
  if (other === 0) return e.one("HardSigmoid", [x], { alpha: { float: STEEP }, beta: { float: 0 } });
  const scalar = (value: number): string => e.floats(Float32Array.of(value), []);
  return e.one("Clip", [e.one("Mul", [x, scalar(STEEP)]), scalar(other), scalar(1)]);
}

/** How every operation becomes ONNX, in one table: forms that every runtime has. Inputs are named by the compiler. */
export const LOWERINGS: LoweringTable = {
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
  // Another name for the same memory.
  barrier: (e, { inputs, output }) => e.reshape(inputs[0]!, output),

  add: simple("Add"),
  sub: simple("Sub"),
  mul: simple("Mul"),
  div: simple("Div"),
  greater: simple("Greater"),
  select: simple("Where"),

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
const WEBGPU: Partial<LoweringTable> = {
  sign: (e, { inputs }) => lowerSignByComparison(e, inputs[0]!),
  softplus: (e, { inputs }) => lowerSoftplusByLog(e, inputs[0]!),
  convWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerConvWeightGradientAsConv(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  depthwiseConvWeightGradient: (e, { attributes, inputs, shapes }) =>
    lowerDepthwiseWeightGradientAsConv(e, inputs[0]!, inputs[1]!, attributes, shapes[0]!, shapes[1]!),
  normalize: (e, { attributes, inputs, shapes }) =>
    lowerNormalizeCentred(e, inputs[0]!, attributes, shapes[0]!),
};

/** What ONNX Runtime's CPU provider computes faster in another form. */
const CPU_FORMS: LoweringTable = {
  ...LOWERINGS,
  select: (e, node) => lowerSlope(e, node) ?? LOWERINGS.select(e, node),
  conv2d: (e, node) => {
    const { attributes, inputs, shapes, output } = node;
    return convToFew(e, inputs, attributes, [shapes[0]!, shapes[1]!, output]) ?? LOWERINGS.conv2d(e, node);
  },
  convTranspose2d: (e, node) => {
    const { attributes, inputs, shapes } = node;
    return (
      convTransposeToFew(e, inputs, attributes, [shapes[0]!, shapes[1]!]) ??
      LOWERINGS.convTranspose2d(e, node)
    );
  },
};

const CPU: { readonly [C in Required<LoweringSettings>["conv"]]: LoweringTable } = {
  direct: CPU_FORMS,
  auto: { ...CPU_FORMS, ...winogradLowerings("auto", CPU_FORMS) },
  winograd: { ...CPU_FORMS, ...winogradLowerings("winograd", CPU_FORMS) },
};
const ON_WEBGPU: LoweringTable = { ...LOWERINGS, ...WEBGPU };

/** What `fp16` computes in float16: nearly all of a step's work. Norms, losses and updates need float32's range and digits. */
const HALF: ReadonlySet<OpName> = new Set<OpName>([
  ...(["matmul", "conv2d", "convTranspose2d", "convWeightGradient"] as const),
  ...(["depthwiseConv2d", "depthwiseConvTranspose2d", "depthwiseConvWeightGradient"] as const),
]);

/** Lowers one node, given the ONNX names of its inputs and of what they were made from. */
export function lowerNode(
  e: OnnxEmitter,
  node: Node,
  nameOf: (tensor: Tensor) => string,
  { target = "cpu", conv = "direct", fp16 = false }: LoweringSettings = {},
): readonly string[] {
  if (node.op === "input") throw new TypeError("Inputs are named, not lowered.");
  e.at(node.scope);
  const half = fp16 && HALF.has(node.op);
  // The CPU's own forms are of float32 alone.
  const table = { cpu: half ? LOWERINGS : CPU[conv], webgpu: ON_WEBGPU, any: LOWERINGS }[target];
  const lowering = table[node.op] as Lowering<OpName>;
  const tensors = node.inputs;
  const lower = (inputs: readonly string[]): readonly string[] => {
    const names = lowering(e, {
      ...{ attributes: node.attributes, inputs },
      shapes: tensors.map((input) => input.shape),
      values: tensors.map(constantValue),
      output: node.outputs[0]!.shape,
      ...{ tensors, nameOf },
    });
    return typeof names === "string" ? [names] : names;
  };
  const inputs = tensors.map(nameOf);
  return half ? e.inHalf(inputs, lower) : lower(inputs);
}
