// Counts what ONNX Runtime takes, from the moment on that this is imported.
let made = 0;
let destroyed = 0;
const heaps = [];

WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(description) {
    super(description);
    heaps.push(this);
  }
};

if (globalThis.GPUDevice) {
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (description) {
    made += description.size;
    return createBuffer.call(this, description);
  };
  GPUBuffer.prototype.destroy = function () {
    destroyed += this.size;
    destroy.call(this);
  };
}

/** Bytes: of the graphics card's buffers that are there, of all that were ever made, and of wasm's heap. */
export const heldMemory = () => ({
  buffers: made - destroyed,
  made,
  heap: heaps.reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0),
});
