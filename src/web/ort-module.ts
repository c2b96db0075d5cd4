import type * as Ort from "onnxruntime-web";
import type { OrtModule, OrtSession } from "../runtime/ort.js";

/** ONNX Runtime for browsers, with what pixcycle expects of Node's. */
export function ortModule(ort: typeof Ort): OrtModule {
  return {
    Tensor: ort.Tensor,
    InferenceSession: {
      create: async (model, options) => fillingSession(await ort.InferenceSession.create(model, options)),
    },
  };
}

/**
 * A session that writes results into the tensors that are given for them. onnxruntime-web computes them in memory of its
 * own and leaves the given arrays as they are.
 */
function fillingSession(session: Ort.InferenceSession): OrtSession {
  return {
    async run(feeds, fetches) {
      if (fetches === undefined) return session.run(feeds);
      const asked = Object.fromEntries(Object.keys(fetches).map((name) => [name, null]));
      const results = await session.run(feeds, asked);
      const filled = Object.entries(fetches).map(([name, target]) => {
        const result = results[name]!;
        if (target === null) return [name, result] as const;
        (target.data as Float32Array).set(result.data as Float32Array);
        return [name, target] as const;
      });
      return Object.fromEntries(filled);
    },
    release: () => session.release(),
    // Nobody profiles here, and the file would have no folder.
    endProfiling: () => undefined,
  };
}
