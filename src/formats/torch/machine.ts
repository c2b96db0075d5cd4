import { PixcycleError } from "../../errors.js";
import { quote } from "../dtype.js";
import type { ByteCursor } from "./cursor.js";
import { type PickleDict, PickleGlobal, type PickleKey, type PickleValue } from "./values.js";

/** What the outside gives to a pickle: stand-ins for the globals that it names, and its persistent objects. */
export interface PickleContext {
  /** The stand-in for a Python global, or undefined to refuse it. */
  findGlobal(module: string, name: string): PickleGlobal | undefined;
  /** The object behind a persistent id. */
  loadPersistent(id: PickleValue, fail: (problem: string) => never): PickleValue;
}

// Far above what any state dict needs, and low enough that hostile files cannot exhaust memory.
const MAX_STACK = 1_000_000;
const MAX_MEMO = 1_000_000;

/** The stack machine that pickles are programs for; what each opcode does is in opcodes.ts. */
export class PickleMachine {
  private readonly stack: PickleValue[] = [];
  /** Heights of the stack at each open MARK. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    readonly cursor: ByteCursor,
    readonly context: PickleContext,
  ) {}

  readonly fail: (problem: string) => never = (problem) => this.cursor.fail(problem);

  push(value: PickleValue): void {
    if (this.stack.length >= MAX_STACK) this.fail(`more than ${MAX_STACK} values on the pickle stack`);
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || this.stack.length <= (this.marks.at(-1) ?? 0)) {
      return this.fail("pickle takes a value from an empty stack");
    }
    return value;
  }

  mark(): void {
    if (this.marks.length >= MAX_STACK) this.fail(`more than ${MAX_STACK} open pickle marks`);
    this.marks.push(this.stack.length);
  }

  /** Removes and returns everything above the last mark. */
  popToMark(): PickleValue[] {
    const height = this.marks.pop();
    return height === undefined
      ? this.fail("pickle uses a mark that it did not set")
      : this.stack.splice(height);
  }

  remember(index: number): void {
    // Each entry takes at least one byte, so an index beyond the length was not written by a pickler.
    if (index >= this.cursor.bytes.length || this.memo.size >= MAX_MEMO) {
      this.fail(`pickle memo index ${index} is out of bounds`);
    }
    this.memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.memo.size);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail(`pickle memo has nothing at ${index}`);
    else this.push(value);
  }

  list(): PickleValue[] {
    const value = this.top();
    return Array.isArray(value) ? value : this.fail("pickle appends to what is not a list");
  }

  /** Puts `[key, value, key, value, …]` into the dict on top of the stack. */
  setItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map)) this.fail("pickle sets an item of what is not a dict");
    fillDict(target, items, this.fail);
  }

  pushGlobal(module: string, name: string): void {
    const found = this.context.findGlobal(module, name);
    if (found === undefined) throw this.forbidden(`loads ${quote(`${module}.${name}`)}`);
    this.push(found);
  }

  /** REDUCE: calls a stand-in of ours. */
  call(target: PickleValue, args: readonly PickleValue[]): void {
    if (!(target instanceof PickleGlobal)) this.fail("pickle calls what is not a function");
    if (target.stand.kind !== "function") throw this.forbidden(`calls ${target.name}`);
    this.push(target.stand.call(args, this.fail));
  }

  pushPersistent(id: PickleValue): void {
    this.push(this.context.loadPersistent(id, this.fail));
  }

  /** The error for a pickle that asks for more than data. */
  forbidden(act: string): PixcycleError {
    return new PixcycleError(
      "E_PICKLE_FORBIDDEN",
      `${this.cursor.where}: the pickle ${act} at byte ${this.cursor.position}, which weights have no need of; nothing was run.`,
      { hint: "If you trust the file, load it in PyTorch and save only torch.save(net.state_dict(), path)." },
    );
  }
}

/** Fills a dict from `[key, value, key, value, …]`. */
export function fillDict(
  target: PickleDict,
  items: readonly PickleValue[],
  fail: (problem: string) => never,
): PickleDict {
  if (items.length % 2 !== 0) return fail("pickle has a dict key without a value");
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i]!;
    if (!isKey(key)) return fail("pickle uses a key that is neither text nor a number");
    target.set(key, items[i + 1]!);
  }
  return target;
}

function isKey(value: PickleValue): value is PickleKey {
  return value === null || typeof value !== "object";
}
