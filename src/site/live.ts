/** Does a piece of work whenever it is asked for; requests during it become one more. */
export class Live {
  private wanted = false;
  private running = false;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {}

  request(): void {
    this.wanted = true;
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      while (this.wanted) {
        this.wanted = false;
        await this.work();
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.running = false;
    }
  }
}
