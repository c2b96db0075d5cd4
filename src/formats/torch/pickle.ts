import type { ByteCursor } from "./cursor.js";
import { type PickleContext, PickleMachine } from "./machine.js";
import { OPCODES } from "./opcodes.js";
import type { PickleValue } from "./values.js";

// Far above what any state dict needs; bounds time and memory on hostile files.
const MAX_OPERATIONS = 5_000_000;
const STOP = ".".charCodeAt(0);

/**
 * Reads one pickle (protocols 0 to 5) from the cursor and leaves it behind the pickle's end.
 *
 * Nothing of Python is ever run: globals are looked up in the context's allow-list, and a pickle can build
 * only the values of values.ts. Format: Python's Lib/pickletools.py.
 *
 * @throws PixcycleError E_PICKLE_FORBIDDEN naming a global or an operation that is not allowed;
 *   E_FILE_FORMAT if the pickle is malformed, cut short or beyond the limits
 */
export function unpickle(cursor: ByteCursor, context: PickleContext): PickleValue {
  const machine = new PickleMachine(cursor, context);
  for (let operation = 0; operation < MAX_OPERATIONS; operation++) {
    const code = cursor.uint8();
    if (code === STOP) return machine.pop();
    const execute = OPCODES.get(code);
    if (execute === undefined)
      return cursor.fail(`unknown pickle opcode 0x${code.toString(16).padStart(2, "0")}`);
    execute(machine);
  }
  return cursor.fail(`more than ${MAX_OPERATIONS} pickle operations`);
}
