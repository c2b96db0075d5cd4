import { WASM_BOUNDS } from "./bounds.js";
import { describeInBrowser } from "./browser-goldens.js";

/** All golden steps on onnxruntime-web's wasm, with two threads, in Chromium. */
describeInBrowser({ device: "wasm", threads: 2 }, WASM_BOUNDS);
