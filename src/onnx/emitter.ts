import {
  ONNX_TYPES,
  type OnnxAttribute,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
} from "./model.js";

/**
 * Collects ONNX nodes. Equal nodes and equal small constants are made once, so that work which several lowerings
 * need (a flipped kernel, a padded image) is done once per run.
 */
export class OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxInitializer[] = [];
  private readonly known = new Map<string, readonly string[]>();
  private readonly made = new Map<unknown, unknown>();
  private readonly views = new Map<string, { readonly x: string; readonly from: readonly number[] }>();
  private scope = "";
  /** Whether nodes made now are not to be shared. */
  private repeating = false;
  private half = false;

  /** Nodes made from now on are named after this scope; profiles show it. */
  at(scope: string): void {
    this.scope = scope;
  }

  /**
   * What `make` emits from these inputs, in float16: they are converted to it, as its constants are, and its results back to
   * float32. Inputs that several lowerings share are converted once.
   */
  inHalf(
    inputs: readonly string[],
    make: (inputs: readonly string[]) => readonly string[],
  ): readonly string[] {
    const halves = inputs.map((x) => this.cast(x, "float16"));
    this.half = true;
    const outputs = make(halves);
    this.half = false;
    return outputs.map((output) => this.cast(output, "float"));
  }

  private cast(x: string, type: keyof typeof ONNX_TYPES): string {
    return this.one("Cast", [x], { to: ONNX_TYPES[type] });
  }

  /** Adds a node and returns the names of its outputs. An empty input name leaves an optional input out. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    outputCount = 1,
  ): readonly string[] {
    const key = `${opType}|${inputs.join(",")}|${JSON.stringify(attributes)}`;
    const found = this.known.get(key);
    if (found && !this.repeating) return found;
    const id = this.nodes.length;
    const outputs = Array.from({ length: outputCount }, (_, i) => (i === 0 ? `v${id}` : `v${id}.${i}`));
    this.nodes.push({ opType, name: `${this.scope}/${opType}#${id}`, inputs, outputs, attributes });
    this.known.set(key, outputs);
    return outputs;
  }

  /** What `make` gives, counted out once for a key: for long constants that many lowerings use. */
  once<T>(key: unknown, make: () => T): T {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key) as T;
  }

  /**
   * What `make` emits, for each use anew: results that are large and of little work, which would be kept between the uses.
   */
  repeated<T>(make: () => T): T {
    const outer = this.repeating;
    this.repeating = true;
    const made = make();
    this.repeating = outer;
    return made;
  }

  /** A node with one output. */
  one(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    return this.node(opType, inputs, attributes)[0]!;
  }

  /** An int64 vector constant: shapes, axes, bounds. */
  ints(values: readonly number[]): string {
    return this.constant(`i:${values.join(",")}`, [values.length], () => BigInt64Array.from(values, BigInt));
  }

  /** A float constant; `key` names its content when it is long. */
  floats(
    values: Float32Array,
    shape: readonly number[],
    key = Array.from(new Uint32Array(values.slice().buffer)).join(","),
  ): string {
    const constant = this.constant(`f:${shape.join("x")}:${key}`, shape, () => values);
    return this.half ? this.cast(constant, "float16") : constant;
  }

  private constant(key: string, shape: readonly number[], data: () => Float32Array | BigInt64Array): string {
    const found = this.known.get(key);
    if (found) return found[0]!;
    const name = `c${this.initializers.length}`;
    this.initializers.push({ name, shape, data: data() });
    this.known.set(key, [name]);
    return name;
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.one("Reshape", [x, this.ints(shape)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((axis, i) => axis === i) ? x : this.one("Transpose", [x], { perm });
  }

  /** Zero padding; `before` and `after` have one entry per axis. */
  pad(
    x: string,
    before: readonly number[],
    after: readonly number[],
    mode: "constant" | "reflect" = "constant",
  ): string {
    const nothing = [...before, ...after].every((n) => n === 0);
    return nothing ? x : this.one("Pad", [x, this.ints([...before, ...after])], { mode });
  }

  /** Elements from start to end of one axis; a negative step reverses (then end may be −∞ as `reverseEnd`). */
  slice(x: string, axis: number, start: number, end: number, step = 1): string {
    return this.one("Slice", [x, this.ints([start]), this.ints([end]), this.ints([axis]), this.ints([step])]);
  }

  /** Reverses the order along one axis. */
  reverse(x: string, axis: number): string {
    return this.slice(x, axis, -1, Number.MIN_SAFE_INTEGER, -1);
  }

  concat(parts: readonly string[], axis: number): string {
    return parts.length === 1 ? parts[0]! : this.one("Concat", parts, { axis });
  }

  /**
   * A reshape of `x`, which has the extents `from`. As an output of the model it is not worth a copy: whoever takes the numbers knows
   * their shape.
   */
  view(x: string, from: readonly number[], shape: readonly number[]): string {
    const name = this.reshape(x, shape);
    this.views.set(name, { x, from });
    return name;
  }

  /** What a view was made of. */
  viewed(name: string): { readonly x: string; readonly from: readonly number[] } | undefined {
    return this.views.get(name);
  }

  /**
   * The model with these outputs, by name. Of the nodes it has those that the outputs depend on, in order, as a lowering may have
   * replaced what others made; the values get the outputs' names where they are made.
   *
   * @param order values that are to be computed one after the other. ONNX Runtime goes backwards through the nodes that nothing depends on
   * (`executionOrder`), so each gets one, from last to first.
   */
  model(
    outputs: ReadonlyMap<string, string>,
    order: readonly string[] = [],
  ): Pick<OnnxModel, "nodes" | "initializers"> {
    const used = new Set(outputs.values());
    const nodes: OnnxNode[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some((output) => used.has(output))) continue;
      for (const input of node.inputs) used.add(input);
      nodes.push(node);
    }
    const made = new Set(nodes.flatMap((node) => node.outputs));
    const names = new Map<string, string>();
    const copies: OnnxNode[] = [];
    for (const [name, value] of outputs) {
      if (made.has(value) && !names.has(value)) names.set(value, name);
      else
        copies.push({
          opType: "Identity",
          name: `${name}/Identity`,
          inputs: [value],
          outputs: [name],
          attributes: {},
        });
    }
    const ends = [...new Set(order)]
      .filter((value) => made.has(value))
      .map((value) => ({
        ...{ opType: "Size", name: `${value}/Size`, inputs: [value], outputs: [`end:${value}`] },
        attributes: {},
      }));
    const rename = (name: string): string => names.get(name) ?? name;
    return {
      nodes: [...nodes.reverse(), ...copies, ...ends.reverse()].map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
      initializers: this.initializers.filter(({ name }) => used.has(name)),
    };
  }
}
