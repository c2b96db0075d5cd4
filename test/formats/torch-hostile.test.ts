import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readTensorSource } from "../../src/formats/tensor-source.js";
import {
  bytes,
  call,
  dict,
  FLOAT,
  global,
  int,
  MAGIC,
  memorySource,
  PROTOCOL,
  pickle,
  refusal,
  SYSTEM,
  storage,
  stream,
  tar,
  tensor,
  text,
  tuple,
  uint32,
  uint64,
  zip,
} from "./torch-files.js";

const OS_SYSTEM = global("os", "system");
const COMMAND = text("touch /tmp/pwned");

it("the hand-made files are sound: each hostile one below differs in one thing", async () => {
  const good = pickle(dict(text("w"), tensor()));
  for (const content of [await zip(good), stream(good)]) {
    const { tensors } = await readTensorSource(memorySource(content));
    expect(tensors.get("w")).toEqual({ dtype: "F32", shape: [4], data: Float32Array.of(1, 2, 3, 4) });
  }
});

describe("a pickle that asks for more than data is refused by name", () => {
  const cases: [what: string, object: Uint8Array, named: string][] = [
    ["os.system", call(OS_SYSTEM, COMMAND), '"os.system"'],
    ["posix.system", call(global("posix", "system"), COMMAND), '"posix.system"'],
    ["nt.system", call(global("nt", "system"), COMMAND), '"nt.system"'],
    ["builtins.eval", call(global("builtins", "eval"), text("1")), '"builtins.eval"'],
    ["builtins.exec", call(global("builtins", "exec"), text("1")), '"builtins.exec"'],
    ["Python 2's eval", call(global("__builtin__", "eval"), text("1")), '"__builtin__.eval"'],
    ["__import__", call(global("builtins", "__import__"), text("os")), '"builtins.__import__"'],
    ["subprocess.Popen", call(global("subprocess", "Popen"), COMMAND), '"subprocess.Popen"'],
    ["runpy._run_code", global("runpy", "_run_code"), '"runpy._run_code"'],
    ["pickle.loads", global("pickle", "loads"), '"pickle.loads"'],
    ["torch.load", global("torch", "load"), '"torch.load"'],
    ["torch.hub", global("torch.hub", "load"), '"torch.hub.load"'],
    ["_codecs.encode", global("_codecs", "encode"), '"_codecs.encode"'],
    ["numpy", global("numpy.core.multiarray", "_reconstruct"), '"numpy.core.multiarray._reconstruct"'],
    ["getattr", call(global("builtins", "getattr"), FLOAT, text("__class__")), '"builtins.getattr"'],
    ["operator.attrgetter", global("operator", "attrgetter"), '"operator.attrgetter"'],
    ["STACK_GLOBAL", bytes(text("os"), text("system"), 0x93), '"os.system"'],
    [
      "STACK_GLOBAL from the memo",
      bytes(text("os"), "q", 1, text("system"), "q", 2, "00h", 1, "h", 2, 0x93),
      '"os.system"',
    ],
    ["a dotted name", global("torch", "_utils._rebuild_tensor_v2"), '"torch._utils._rebuild_tensor_v2"'],
    [
      "an attribute of an allowed class",
      global("collections", "OrderedDict.__class__"),
      "OrderedDict.__class__",
    ],
    ["a JavaScript prototype", global("__proto__", "constructor"), '"__proto__.constructor"'],
    ["an empty name", global("", ""), '"."'],
    [
      "a call inside the arguments of an allowed call",
      call(
        global("collections", "OrderedDict"),
        bytes("](", tuple(text("a"), call(OS_SYSTEM, COMMAND)), "e"),
      ),
      '"os.system"',
    ],
    ["a call inside a persistent id", storage({ key: call(OS_SYSTEM, COMMAND) }), '"os.system"'],
    ["a call inside a size", tensor({ shape: call(OS_SYSTEM, COMMAND) }), '"os.system"'],
    ["INST", bytes("(", COMMAND, "ios\nsystem\n"), '"os.system" (INST)'],
    ["INST of an allowed class", bytes("(icollections\nOrderedDict\n"), '"collections.OrderedDict" (INST)'],
    ["OBJ", bytes("(", global("collections", "OrderedDict"), "o"), "OBJ"],
    ["NEWOBJ", bytes(global("collections", "OrderedDict"), ")", 0x81), "NEWOBJ"],
    ["NEWOBJ_EX", bytes(global("collections", "OrderedDict"), ")}", 0x92), "NEWOBJ_EX"],
    ["EXT1", bytes(0x82, 7), "extension 7 "],
    ["EXT2", bytes(0x83, 7, 1), "extension 263 "],
    ["EXT4", bytes(0x84, uint32(65536)), "extension 65536 "],
    ["a storage class that is called", call(FLOAT, int(4)), "calls torch.FloatStorage"],
    ["BUILD on a plain dict", bytes("}", dict(text("__class__"), int(1)), "b"), "BUILD"],
    ["BUILD on a tensor", bytes(tensor(), dict(text("__setstate__"), FLOAT), "b"), "BUILD"],
    ["BUILD on a class", bytes(FLOAT, dict(text("__init__"), FLOAT), "b"), "BUILD"],
    ["terminal codes in a name", global("\x1b[2J", "x"), '"\\u001b[2J.x"'],
  ];

  it.each(cases)("%s", async (_, object, named) => {
    for (const content of [await zip(pickle(object)), stream(pickle(object))]) {
      const error = await refusal(content);
      expect(error.code).toBe("E_PICKLE_FORBIDDEN");
      expect(error.message).toContain(named);
      expect(error.message).toContain("nothing was run");
      expect([...error.message].every((character) => character >= " ")).toBe(true);
    }
  });

  it("in protocol 0", async () => {
    const error = await refusal(await zip(bytes("cos\nsystem\n(S'touch /tmp/pwned'\ntR.")));
    expect(error.code).toBe("E_PICKLE_FORBIDDEN");
  });

  it("in every pickle of a legacy stream, and in a file that is only a pickle", async () => {
    const evil = pickle(call(OS_SYSTEM, COMMAND));
    for (const content of [
      evil,
      bytes(MAGIC, evil),
      bytes(MAGIC, PROTOCOL, evil),
      bytes(MAGIC, PROTOCOL, SYSTEM, evil),
      stream(pickle(dict(text("w"), tensor())), evil),
    ]) {
      expect((await refusal(content)).code).toBe("E_PICKLE_FORBIDDEN");
    }
  });

  it("in every member of a tar", async () => {
    const evil = pickle(call(OS_SYSTEM, COMMAND));
    const sound = {
      storages: bytes(pickle(int(0)), pickle("]")),
      tensors: pickle(int(0)),
      pickle: pickle("}"),
    };
    for (const name of ["storages", "tensors", "pickle"]) {
      expect((await refusal(await tar({ ...sound, [name]: evil }))).code).toBe("E_PICKLE_FORBIDDEN");
    }
  });

  it("in a whole module, as torch.save(net) writes it", async () => {
    const error = await refusal(await readFile("test/fixtures/torch/whole_module.pth"));
    expect(error.code).toBe("E_PICKLE_FORBIDDEN");
    expect(error.message).toContain('"torch.nn.modules.linear.Linear"');
    expect(error.hint).toContain("state_dict()");
  });
});

describe("a malformed pickle is refused with the place", () => {
  const w = text("w");
  const laughs = Array.from({ length: 40 }, (_, i) => bytes("0](", "h", i, "h", i, "e", "q", i + 1));
  const cases: [what: string, object: Uint8Array, message: RegExp][] = [
    [
      "memo index of 4 billion",
      bytes("N", "r", uint32(0xffffffff)),
      /memo index 4294967295 is out of bounds/,
    ],
    ["memo text index", bytes("Np999999999\n"), /memo index 999999999 is out of bounds/],
    ["memo index that is no number", bytes("Npx\n"), /"x" is not a pickle memo index/],
    ["memo never written", bytes("h", 3), /memo has nothing at 3/],
    ["empty stack", bytes("0"), /empty stack/],
    ["stack below a mark", bytes("N(0"), /empty stack/],
    ["no mark", bytes("t"), /a mark that it did not set/],
    ["unknown opcode", bytes(0xff), /unknown pickle opcode 0xff/],
    ["protocol 9", bytes(0x80, 9), /protocol 9 is unknown/],
    ["text of 4 GB", bytes("X", uint32(0xffffffff)), /cut short: 4294967295 bytes expected/],
    ["text of 2^63 bytes", bytes(0x8d, uint64(2n ** 63n)), /impossible count/],
    ["integer of 2 GB", bytes(0x8b, uint32(0x7fffffff)), /an integer of 2147483647 bytes/],
    ["integer of letters", bytes("Iabc\n"), /"abc" is not an integer/],
    ["float of letters", bytes("Fabc\n"), /"abc" is not a number/],
    ["endless line", bytes("I123"), /a line does not end/],
    ["append to a tuple", bytes(")Na"), /appends to what is not a list/],
    ["item of a list", bytes("]NNs"), /sets an item of what is not a dict/],
    ["key without value", bytes("}(Nu"), /a dict key without a value/],
    ["a list as key", bytes("}]Ns"), /neither text nor a number/],
    ["call of a dict", bytes("})R"), /calls what is not a function/],
    ["call without a tuple", bytes(FLOAT, "NR"), /without a tuple/],
    ["global named by numbers", bytes("NN", 0x93), /name is not text/],
    ["OrderedDict of a number", call(global("collections", "OrderedDict"), int(1)), /list of pairs/],
    ["list inside itself", dict(w, bytes("]q", 0, "h", 0, "a")), /nested more than 64 deep/],
    [
      "100,000 lists deep",
      dict(w, bytes("]".repeat(100_000), "a".repeat(99_999))),
      /nested more than 64 deep/,
    ],
    ["2^40 visits of one list", dict(w, bytes("]q", 0, ...laughs)), /more than 1000000 values/],
    [
      "a million and one values",
      bytes("N".repeat(1_000_001)),
      /more than 1000000 values on the pickle stack/,
    ],
    ["too many operations", bytes("N0".repeat(2_500_001)), /more than 5000000 pickle operations/],
    ["a million and one marks", bytes("(".repeat(1_000_001)), /more than 1000000 open pickle marks/],
    [
      "two tensors of one name",
      dict(text("a.b"), tensor(), text("a"), dict(text("b"), tensor())),
      /named "a\.b"/,
    ],
    ["no tensors", dict(w, int(1)), /it holds no tensors/],
    ["a bare tensor", tensor(), /a single tensor without a name/],
  ];

  it.each(cases)("%s", async (_, object, message) => {
    const error = await refusal(await zip(pickle(object)));
    expect(error.code).toBe("E_FILE_FORMAT");
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^net\.pth/);
  });
});
