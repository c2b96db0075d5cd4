import { quote } from "../dtype.js";
import { decodeText } from "./cursor.js";
import { fillDict, type PickleMachine } from "./machine.js";
import { PickleDict, PickleTuple, type PickleValue } from "./values.js";

type Execute = (machine: PickleMachine) => void;

/** Bytes of the longest integer that is read; magic numbers take 10. */
const MAX_INTEGER_BYTES = 255;

/** Every opcode but STOP, by its byte; names as in Python's pickletools. */
export const OPCODES: ReadonlyMap<number, Execute> = new Map<number, Execute>([
  // Framing
  [0x80, (m) => checkProtocol(m)], // PROTO
  [0x95, (m) => void m.cursor.count64()], // FRAME

  // The stack
  [ascii("("), (m) => m.mark()],
  [ascii("0"), (m) => void m.pop()],
  [ascii("1"), (m) => void m.popToMark()],
  [ascii("2"), (m) => m.push(m.top())],

  // The memo
  [ascii("p"), (m) => m.remember(decimal(m))],
  [ascii("q"), (m) => m.remember(m.cursor.uint8())],
  [ascii("r"), (m) => m.remember(m.cursor.uint32())],
  [0x94, (m) => m.rememberNext()], // MEMOIZE
  [ascii("g"), (m) => m.recall(decimal(m))],
  [ascii("h"), (m) => m.recall(m.cursor.uint8())],
  [ascii("j"), (m) => m.recall(m.cursor.uint32())],

  // Numbers and None
  [ascii("N"), (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [ascii("K"), (m) => m.push(m.cursor.uint8())],
  [ascii("M"), (m) => m.push(m.cursor.uint16())],
  [ascii("J"), (m) => m.push(m.cursor.int32())],
  [ascii("I"), (m) => m.push(integerLine(m))],
  [ascii("L"), (m) => m.push(parseInteger(m, m.cursor.line().replace(/L$/, "")))],
  [0x8a, (m) => m.push(longInteger(m, m.cursor.uint8()))], // LONG1
  [0x8b, (m) => m.push(longInteger(m, m.cursor.uint32()))], // LONG4
  [ascii("F"), (m) => m.push(floatLine(m))],
  [ascii("G"), (m) => m.push(m.cursor.float64BigEndian())],

  // Text and bytes; Python 2 wrote names as byte strings
  [ascii("S"), (m) => m.push(quotedLine(m))],
  [ascii("V"), (m) => m.push(plainText(m, m.cursor.line()))],
  [ascii("U"), (m) => m.push(text(m, m.cursor.uint8()))],
  [ascii("T"), (m) => m.push(text(m, m.cursor.uint32()))],
  [ascii("X"), (m) => m.push(text(m, m.cursor.uint32()))],
  [0x8c, (m) => m.push(text(m, m.cursor.uint8()))], // SHORT_BINUNICODE
  [0x8d, (m) => m.push(text(m, m.cursor.count64()))], // BINUNICODE8
  [ascii("C"), (m) => m.push(m.cursor.take(m.cursor.uint8()))],
  [ascii("B"), (m) => m.push(m.cursor.take(m.cursor.uint32()))],
  [0x8e, (m) => m.push(m.cursor.take(m.cursor.count64()))], // BINBYTES8

  // Containers
  [ascii(")"), (m) => m.push(new PickleTuple([]))],
  [ascii("t"), (m) => m.push(new PickleTuple(m.popToMark()))],
  [0x85, (m) => pushTuple(m, 1)],
  [0x86, (m) => pushTuple(m, 2)],
  [0x87, (m) => pushTuple(m, 3)],
  [ascii("]"), (m) => m.push([])],
  [ascii("l"), (m) => m.push(m.popToMark())],
  [ascii("a"), (m) => append(m, [m.pop()])],
  [ascii("e"), (m) => append(m, m.popToMark())],
  [ascii("}"), (m) => m.push(new PickleDict(false))],
  [ascii("d"), (m) => m.push(fillDict(new PickleDict(false), m.popToMark(), m.fail))],
  [ascii("s"), (m) => setItem(m)],
  [ascii("u"), (m) => m.setItems(m.popToMark())],

  // Objects: only stand-ins from the allow-list are found and called
  [ascii("c"), (m) => m.pushGlobal(m.cursor.line(), m.cursor.line())],
  [0x93, (m) => stackGlobal(m)], // STACK_GLOBAL
  [ascii("R"), (m) => reduce(m)],
  [ascii("b"), (m) => build(m)],
  [ascii("P"), (m) => m.pushPersistent(m.cursor.line())],
  [ascii("Q"), (m) => m.pushPersistent(m.pop())],

  // Ways to make objects that no state dict needs
  [
    ascii("i"),
    (m) => refuse(m, `makes an instance of ${quote(`${m.cursor.line()}.${m.cursor.line()}`)} (INST)`),
  ],
  [ascii("o"), (m) => refuse(m, "makes an instance of a class (OBJ)")],
  [0x81, (m) => refuse(m, "makes an instance of a class (NEWOBJ)")],
  [0x92, (m) => refuse(m, "makes an instance of a class (NEWOBJ_EX)")],
  [0x82, (m) => refuse(m, `loads extension ${m.cursor.uint8()} of the registry (EXT1)`)],
  [0x83, (m) => refuse(m, `loads extension ${m.cursor.uint16()} of the registry (EXT2)`)],
  [0x84, (m) => refuse(m, `loads extension ${m.cursor.int32()} of the registry (EXT4)`)],
]);

function ascii(character: string): number {
  return character.charCodeAt(0);
}

function checkProtocol(m: PickleMachine): void {
  const protocol = m.cursor.uint8();
  if (protocol > 5) m.fail(`pickle protocol ${protocol} is unknown`);
}

function refuse(m: PickleMachine, act: string): never {
  throw m.forbidden(act);
}

function decimal(m: PickleMachine): number {
  const line = m.cursor.line();
  return /^\d{1,10}$/.test(line) ? Number(line) : m.fail(`${quote(line)} is not a pickle memo index`);
}

function integerLine(m: PickleMachine): PickleValue {
  const line = m.cursor.line();
  // Protocol 0 spells True and False so.
  if (line === "01") return true;
  if (line === "00") return false;
  return parseInteger(m, line);
}

function parseInteger(m: PickleMachine, digits: string): number | bigint {
  if (!/^-?\d{1,600}$/.test(digits)) return m.fail(`${quote(digits)} is not an integer`);
  return narrow(BigInt(digits));
}

/** Little-endian two's complement. */
function longInteger(m: PickleMachine, length: number): number | bigint {
  if (length > MAX_INTEGER_BYTES) return m.fail(`an integer of ${length} bytes`);
  let value = 0n;
  const bytes = m.cursor.take(length);
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return narrow(BigInt.asIntN(8 * length, value));
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function floatLine(m: PickleMachine): number {
  const line = m.cursor.line();
  const special = { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY, nan: Number.NaN }[line];
  if (special !== undefined) return special;
  return /^[-+.\deE]+$/.test(line) ? Number(line) : m.fail(`${quote(line)} is not a number`);
}

function text(m: PickleMachine, length: number): string {
  return decodeText(m.cursor.take(length));
}

function quotedLine(m: PickleMachine): string {
  const line = m.cursor.line();
  const content = /^'(.*)'$|^"(.*)"$/.exec(line);
  if (content === null) return m.fail(`${quote(line)} is not a quoted string`);
  return plainText(m, content[1] ?? content[2] ?? "");
}

/** Protocol 0 escapes what is not ASCII; names of weights never need it. */
function plainText(m: PickleMachine, content: string): string {
  return content.includes("\\") ? m.fail(`escaped text ${quote(content)} is not supported`) : content;
}

function pushTuple(m: PickleMachine, length: number): void {
  const items: PickleValue[] = [];
  for (let i = 0; i < length; i++) items.unshift(m.pop());
  m.push(new PickleTuple(items));
}

function append(m: PickleMachine, items: readonly PickleValue[]): void {
  const list = m.list();
  for (const item of items) list.push(item);
}

function setItem(m: PickleMachine): void {
  const value = m.pop();
  const key = m.pop();
  m.setItems([key, value]);
}

function stackGlobal(m: PickleMachine): void {
  const name = m.pop();
  const module = m.pop();
  if (typeof module !== "string" || typeof name !== "string") m.fail("a global's name is not text");
  m.pushGlobal(module, name);
}

function reduce(m: PickleMachine): void {
  const args = m.pop();
  const target = m.pop();
  if (!(args instanceof PickleTuple)) m.fail("pickle calls a function without a tuple of arguments");
  m.call(target, args.items);
}

/** Attributes of an OrderedDict (PyTorch keeps `_metadata` there) are dropped; nothing else may have any. */
function build(m: PickleMachine): void {
  m.pop();
  const target = m.top();
  if (!(target instanceof PickleDict && target.ordered)) refuse(m, "sets the state of an object (BUILD)");
}
