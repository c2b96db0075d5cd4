import * as ort from "onnxruntime-node";
import { PixcycleError } from "../../errors.js";
import { ProtoWriter } from "../../formats/protobuf.js";
import { ONNX_TYPES } from "../../onnx/model.js";
import type { OrtModule, OrtSession } from "../ort.js";
import { sessionThreads } from "./threads.js";

/**
 * ONNX Runtime for Node, with what pixcycle expects of it: it uses every core unless told otherwise, and sessions that fill
 * arrays do no more than that.
 */
export const ortModule: OrtModule = {
  Tensor: ort.Tensor as OrtModule["Tensor"],
  InferenceSession: {
    create: async (model, options = {}, fillsAll = false) => {
      const all = { ...options, ...sessionThreads(options.intraOpNumThreads ?? 0) };
      return fillsAll
        ? fillingSession(await ort.InferenceSession.create(seal(model), all))
        : ort.InferenceSession.create(model, all);
    },
  },
};

const SEAL = "sealed";
const FILLED = "filled";

/** How onnxruntime-node refuses an output that is not a tensor. */
const REFUSAL = /Non tensor type/;

/**
 * A session of a sealed model, whose runs give an array for every output that they fetch. onnxruntime-node 1.30 fills these arrays, and then
 * copies each into a new one for its answer: for a U-Net's gradients 218 MB of fresh memory in every step, half of the step's time where page
 * faults are dear. It answers in the order of the model's outputs and gives up at the first that it cannot convert. That is
 * the seal, an empty sequence: by then all arrays are filled, and nothing is copied. Another release may fill arrays later, or never:
 * the output after the seal, a constant 1, tells.
 */
function fillingSession(session: ort.InferenceSession): OrtSession {
  return {
    async run(feeds, fetches) {
      const given = fetches as Readonly<Record<string, ort.Tensor>>;
      const filled = new Float32Array(1);
      const witness = new ort.Tensor("float32", filled, [1]);
      try {
        await session.run(feeds, { [SEAL]: null, [FILLED]: witness, ...given });
      } catch (error) {
        if (!REFUSAL.test(String(error))) throw error;
      }
      if (filled[0] !== 1)
        throw new PixcycleError(
          "E_RUNTIME",
          "This release of onnxruntime-node does not fill the given arrays.",
          {
            hint: "Install the one that pixcycle's package.json names.",
          },
        );
      return given;
    },
    release: () => session.release(),
    endProfiling: () => session.endProfiling(),
  };
}

/** A model with the seal as its first output: of a message that comes twice, protobuf joins the parts in their order. */
function seal(model: Uint8Array): Uint8Array {
  const float = (type: ProtoWriter): unknown => type.message(1, (tensor) => tensor.int(1, ONNX_TYPES.float));
  const graph = new ProtoWriter().message(7, (part) =>
    part
      .message(1, (node) => node.string(2, SEAL).string(4, "SequenceEmpty"))
      .message(1, (node) =>
        node
          .string(2, FILLED)
          .string(4, "Constant")
          .message(5, (attribute) => attribute.string(1, "value_floats").float(7, 1).int(20, 6)),
      )
      .message(12, (output) =>
        output
          .string(1, SEAL)
          .message(2, (type) =>
            type.message(4, (sequence) => sequence.message(1, (element) => float(element))),
          ),
      )
      .message(12, (output) => output.string(1, FILLED).message(2, (type) => float(type))),
  );
  return Buffer.concat([graph.finish(), model]);
}
