/**
 * Keeps the sessions used last: images of many sizes, or an epoch's smaller last batch, need one each, and each holds
 * memory.
 */
export class SessionCache<T> {
  private readonly entries = new Map<string, Promise<T>>();

  constructor(
    private readonly release: (entry: T) => Promise<void>,
    private readonly capacity = 4,
  ) {}

  /** The entry for a key, made if need be; the one unused for longest is released when there are too many. */
  async get(key: string, make: () => Promise<T>): Promise<T> {
    const found = this.entries.get(key);
    this.entries.delete(key);
    const entry = found ?? make();
    this.entries.set(key, entry);
    entry.catch(() => this.entries.delete(key));
    const [oldest] = this.entries;
    if (this.entries.size > this.capacity && oldest) {
      this.entries.delete(oldest[0]);
      await this.release(await oldest[1]);
    }
    return entry;
  }

  async clear(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    for (const entry of entries) await this.release(await entry);
  }
}
