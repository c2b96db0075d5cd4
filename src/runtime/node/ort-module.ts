import { availableParallelism } from "node:os";
import * as ort from "onnxruntime-node";
import { ProtoWriter } from "../../formats/protobuf.js";
import { ONNX_TYPES } from "../../onnx/model.js";
import type { OrtModule, OrtSession } from "../ort.js";

/**
 * ONNX Runtime for Node, with what pixcycle expects of it: 0 threads are every core, which ONNX Runtime alone counts as one in
 * some virtual machines of several; and sessions that fill arrays do no more than that.
 */
export const ortModule: OrtModule = {
  Tensor: ort.Tensor as OrtModule["Tensor"],
  InferenceSession: {
    create: async (model, options, fillsAll = false) => {
      const threads = { intraOpNumThreads: availableParallelism(), ...options };
      return fillsAll
        ? fillingSession(await ort.InferenceSession.create(seal(model), threads))
        : ort.InferenceSession.create(model, threads);
    },
  },
};

const SEAL = "sealed";

/** How onnxruntime-node refuses an output that is not a tensor. */
const REFUSAL = /Non tensor type/;

/**
 * A session of a sealed model, whose runs give an array for every output. onnxruntime-node 1.30 fills these arrays, and then copies each
 * into a new one for its answer: for a U-Net's gradients 218 MB of fresh memory in every step, half of the step's time where page
 * faults are dear. It answers in the order of the model's outputs and gives up at the first that it cannot convert. That is
 * the seal, an empty sequence: by then all arrays are filled, and nothing is copied. A later release that can convert
 * it would answer, and the result would be the same.
 */
function fillingSession(session: ort.InferenceSession): OrtSession {
  return {
    async run(feeds, fetches) {
      const given = fetches as Readonly<Record<string, ort.Tensor>>;
      try {
        await session.run(feeds, { [SEAL]: null, ...given });
      } catch (error) {
        if (!REFUSAL.test(String(error))) throw error;
      }
      return given;
    },
    release: () => session.release(),
    endProfiling: () => session.endProfiling(),
  };
}

/** A model with the seal as its first output: of a message that comes twice, protobuf joins the parts in their order. */
function seal(model: Uint8Array): Uint8Array {
  const graph = new ProtoWriter().message(7, (part) =>
    part
      .message(1, (node) => node.string(2, SEAL).string(4, "SequenceEmpty"))
      .message(12, (output) =>
        output
          .string(1, SEAL)
          .message(2, (type) =>
            type.message(4, (sequence) =>
              sequence.message(1, (element) =>
                element.message(1, (tensor) => tensor.int(1, ONNX_TYPES.float)),
              ),
            ),
          ),
      ),
  );
  return Buffer.concat([graph.finish(), model]);
}
