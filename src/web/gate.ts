/**
 * The place between two steps of a training: it can be held there, and what needs the model at rest is done there.
 */
export class Gate {
  private readonly waiting: (() => Promise<void>)[] = [];
  private held = false;
  private ended = false;
  private wake: (() => void) | undefined;

  /** Passed by the training before every step. */
  async pass(): Promise<void> {
    await nextTask();
    for (;;) {
      const work = this.waiting.shift();
      if (work !== undefined) await work();
      else if (!this.held) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  /** Does something between two steps; after the last one, at once. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.ended) return work();
    return new Promise((resolve, reject) => {
      this.waiting.push(() => work().then(resolve, reject));
      this.stir();
    });
  }

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.stir();
  }

  /** Called when the training has ended; does what still waits. */
  async end(): Promise<void> {
    for (const work of this.waiting.splice(0)) await work();
    this.ended = true;
  }

  private stir(): void {
    this.wake?.();
    this.wake = undefined;
  }
}

/** Lets messages in: they come between tasks only, and a step on wasm is one. */
function nextTask(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
