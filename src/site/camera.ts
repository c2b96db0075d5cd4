/** The webcam as a stream of frames. */
export class Camera {
  private readonly video = document.createElement("video");
  private stream: MediaStream | undefined;
  private facing: "user" | "environment" = "user";

  constructor() {
    this.video.muted = true;
    this.video.playsInline = true;
  }

  get running(): boolean {
    return this.stream !== undefined;
  }

  /** @throws Error in words for the user if there is no camera or it may not be used */
  async start(): Promise<void> {
    this.stop();
    if (!isSecureContext) throw new Error("The camera needs a page that comes by https, or from localhost.");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: this.facing, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (error) {
      throw new Error(reasonOf(error), { cause: error });
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  /** Whether there is another one. */
  async hasOther(): Promise<boolean> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter(({ kind }) => kind === "videoinput").length > 1;
  }

  async turn(): Promise<void> {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.start();
  }

  stop(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
  }

  /** The picture now, and the square in its middle. */
  frame(): { readonly picture: HTMLVideoElement; readonly square: DOMRectReadOnly } {
    const { videoWidth, videoHeight } = this.video;
    const side = Math.min(videoWidth, videoHeight);
    const square = new DOMRectReadOnly((videoWidth - side) / 2, (videoHeight - side) / 2, side, side);
    return { picture: this.video, square };
  }
}

function reasonOf(error: unknown): string {
  const refused = error instanceof DOMException && error.name === "NotAllowedError";
  return refused
    ? "The camera was not allowed. The browser's settings for this page can allow it."
    : "There is no camera here, or it is in use.";
}
