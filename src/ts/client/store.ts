import type { CachePolicy } from "./types";

/** Something kept, with what both policies need to know. */
export interface Entry<T> {
  /** What it is found by. */
  readonly id: string;
  /** What it is shown by. */
  readonly key: string;
  readonly value: T;
  /** How often it was asked for. */
  uses: number;
  /** When it was last asked for, in uses of the store. */
  lastUse: number;
}

/**
 * A limited number of things, the least recently or the least frequently used of which go first.
 *
 * Recency and uses of every entry are kept whatever the policy, so that each call can bring its own.
 */
export class Store<T> {
  readonly #byId = new Map<string, Entry<T>>();
  readonly #byKey = new Map<string, Entry<T>>();
  readonly #forgotten: (value: T) => void;
  #maxSize: number;
  #made = 0;
  #uses = 0;
  evictions = 0;

  /** @param forgotten - is told what the store no longer has */
  constructor(maxSize: number, forgotten: (value: T) => void) {
    this.#maxSize = maxSize;
    this.#forgotten = forgotten;
  }

  get size(): number {
    return this.#byId.size;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  find(id: string): Entry<T> | undefined {
    return this.#byId.get(id);
  }

  findByKey(key: string): Entry<T> | undefined {
    return this.#byKey.get(key);
  }

  /** The least recently used one first. */
  entries(): Entry<T>[] {
    return [...this.#byId.values()].sort(BEFORE.lru);
  }

  use(entry: Entry<T>): void {
    entry.uses++;
    entry.lastUse = ++this.#uses;
  }

  /** Adds what was not there. What has to go for it is never itself. */
  add(id: string, name: string, value: T, policy: CachePolicy, maxSize = this.#maxSize): Entry<T> {
    const entry = { id, key: `${name}#${++this.#made}`, value, uses: 1, lastUse: ++this.#uses };
    this.#byId.set(id, entry);
    this.#byKey.set(entry.key, entry);
    this.resize(maxSize, policy, entry);
    return entry;
  }

  /** Changes the limit. `kept` stays in any case. */
  resize(maxSize: number, policy: CachePolicy, kept: Entry<T>): void {
    this.#maxSize = maxSize;
    this.#evict(policy, kept);
  }

  /** Whether it was there. */
  forget(entry: Entry<T>): boolean {
    if (!this.#byId.delete(entry.id)) return false;
    this.#byKey.delete(entry.key);
    this.#forgotten(entry.value);
    return true;
  }

  clear(): void {
    for (const entry of this.entries()) this.forget(entry);
  }

  #evict(policy: CachePolicy, kept: Entry<T>): void {
    const excess = this.#byId.size - this.#maxSize;
    if (excess <= 0) return;
    const others = [...this.#byId.values()].filter((entry) => entry !== kept);
    const before = BEFORE[policy];
    // One is the rule, and needs no order among the rest.
    const victims =
      excess === 1
        ? [others.reduce((first, entry) => (before(entry, first) < 0 ? entry : first))]
        : others.sort(before).slice(0, excess);
    for (const victim of victims) this.forget(victim);
    this.evictions += victims.length;
  }
}

/** Who goes first. No two entries were last used at the same time. */
const BEFORE: Record<CachePolicy, (a: Entry<unknown>, b: Entry<unknown>) => number> = {
  lru: (a, b) => a.lastUse - b.lastUse,
  lfu: (a, b) => a.uses - b.uses || a.lastUse - b.lastUse,
};
