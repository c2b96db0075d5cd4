import type { Images } from "./images.js";

type Losses = Readonly<Record<string, number>>;

/** What goes on after a reload: one record for the images, one for the state that follows the steps. */
export interface KeptState {
  readonly step: number;
  readonly totalSteps: number;
  readonly checkpoint: Blob;
  /** By step, from the first. */
  readonly losses: readonly Losses[];
}

const IMAGES = "images";
const STATE = "state";
const STORE = "training";

/**
 * The training in IndexedDB. Every write is one transaction: a page that is closed in its midst has what was there before.
 */
export class TrainingStore {
  private constructor(private readonly database: IDBDatabase) {}

  static async open(): Promise<TrainingStore> {
    const opening = indexedDB.open("pixcycle-training", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    return new TrainingStore(await settled(opening));
  }

  /** Keeps the images of a new training, instead of an earlier one with its state. */
  async begin(images: Images): Promise<void> {
    await this.write("lose it", (store) => {
      store.clear();
      store.put(images, IMAGES);
    });
  }

  /** Keeps a state of the training whose images are kept, instead of an earlier one. */
  async save(state: KeptState): Promise<void> {
    await this.write("take it back to the last save", (store) => store.put(state, STATE));
  }

  /** The kept training, if there is a whole one. */
  async load(): Promise<{ readonly images: Images; readonly state: KeptState } | undefined> {
    const store = this.database.transaction(STORE).objectStore(STORE);
    const [images, state] = await Promise.all([
      settled<Images | undefined>(store.get(IMAGES)),
      settled<KeptState | undefined>(store.get(STATE)),
    ]);
    return images && state && { images, state };
  }

  async clear(): Promise<void> {
    await this.write("lose it", (store) => store.clear());
  }

  /** @param reload what a reload does to the training if there is no room */
  private write(reload: string, work: (store: IDBObjectStore) => void): Promise<void> {
    const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
    work(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(inWords(transaction.error, reload));
    });
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function inWords(error: DOMException | null, reload: string): Error {
  if (error?.name !== "QuotaExceededError") return error ?? new Error("The training was not kept.");
  return new Error(
    `This browser has no room left to keep the training: it goes on, but a reload would ${reload}. Download it in time.`,
  );
}
