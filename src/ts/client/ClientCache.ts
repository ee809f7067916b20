import { inspect } from "node:util";
import { invalid } from "../options/check";
import { ownConfig } from "./config";
import { keyOf } from "./key";
import type { Entry, Store } from "./store";
import type { CachePolicy, ClientCacheStats, ClientConfig, ClientConstructor, SdkClient } from "./types";

/**
 * The clients that a session keeps: `session.cache`.
 *
 * A client is named by the class and config it was asked for with, or by its key, such as `S3Client#1`. A client that
 * is forgotten, here or to make room, works on for those who have it.
 */
export interface ClientCache extends Iterable<[key: string, client: SdkClient]> {
  readonly size: number;
  readonly maxSize: number;
  /** A client that is kept; none is made. It counts as a use. */
  get<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): InstanceType<C> | undefined;
  get(key: string): SdkClient | undefined;
  /** Does not count as a use. */
  has<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
  has(key: string): boolean;
  /** Forgets a client; whether there was one. */
  delete<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
  delete(key: string): boolean;
  /** Forgets all clients. */
  clear(): void;
  /** Keys, the least recently used one's first. They hold nothing of the configs. */
  keys(): string[];
  stats(): ClientCacheStats;
}

/** A client that is kept, with what ends its hold on the shared handler. */
export interface Kept {
  readonly client: SdkClient;
  readonly release: () => void;
}

/** The public face of the store. */
export class StoredClients implements ClientCache {
  static {
    // Not a member: the public types must not need those of Node.
    Object.defineProperty(StoredClients.prototype, inspect.custom, {
      value(this: StoredClients) {
        return `ClientCache ${inspect(this.toJSON())}`;
      },
    });
  }

  readonly #store: Store<Kept>;
  readonly #region: string | undefined;
  readonly #stats: () => ClientCacheStats;

  constructor(store: Store<Kept>, region: string | undefined, stats: () => ClientCacheStats) {
    this.#store = store;
    this.#region = region;
    this.#stats = stats;
  }

  get size(): number {
    return this.#store.size;
  }

  get maxSize(): number {
    return this.#store.maxSize;
  }

  get<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): InstanceType<C> | undefined;
  get(key: string): SdkClient | undefined;
  get(named: unknown, config?: unknown): SdkClient | undefined {
    const entry = this.#find(named, config);
    if (entry === undefined) return undefined;
    this.#store.use(entry);
    return entry.value.client;
  }

  has<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
  has(key: string): boolean;
  has(named: unknown, config?: unknown): boolean {
    return this.#find(named, config) !== undefined;
  }

  delete<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
  delete(key: string): boolean;
  delete(named: unknown, config?: unknown): boolean {
    const entry = this.#find(named, config);
    return entry !== undefined && this.#store.forget(entry);
  }

  clear(): void {
    this.#store.clear();
  }

  keys(): string[] {
    return this.#store.entries().map(({ key }) => key);
  }

  stats(): ClientCacheStats {
    return this.#stats();
  }

  *[Symbol.iterator](): IterableIterator<[string, SdkClient]> {
    for (const { key, value } of this.#store.entries()) yield [key, value.client];
  }

  toJSON(): { size: number; maxSize: number; policy: CachePolicy; keys: string[] } {
    return { size: this.size, maxSize: this.maxSize, policy: this.stats().policy, keys: this.keys() };
  }

  #find(named: unknown, config: unknown): Entry<Kept> | undefined {
    if (typeof named === "string") return this.#store.findByKey(named);
    if (typeof named === "function") return this.#store.find(keyOf(named, ownConfig(config, this.#region)));
    throw invalid("key", named, "a key of `keys()`, or the class of a client");
  }
}
