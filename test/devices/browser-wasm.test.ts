import { boundsOnWasm } from "./bounds.js";
import { describeInBrowser } from "./browser-goldens.js";

/** All golden steps on onnxruntime-web's wasm, with two threads, in Chromium. */
describeInBrowser({ device: "wasm", threads: 2 }, boundsOnWasm);
