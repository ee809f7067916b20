/**
 * Public types around `session.client()`. Structural like those of `../types`: they fit SDK v3 clients of any version
 * without depending on one.
 */

/** What every SDK v3 client has. */
export interface SdkClient {
  readonly config: object;
  readonly middlewareStack: object;
  // biome-ignore lint/suspicious/noExplicitAny: overloads of every service must fit
  send(...args: any[]): any;
  destroy(): void;
}

/** The class of an SDK v3 client, such as `S3Client`. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are the client's; `ClientConfig` reads them
export type ClientConstructor = new (...args: any[]) => SdkClient;

/** The config that a client class takes, but for `credentials`, which the session supplies. */
export type ClientConfig<C extends ClientConstructor> = Omit<
  NonNullable<ConstructorParameters<C>[0]>,
  "credentials"
> & {
  /** The session supplies them. */
  credentials?: never;
};

/** Which client is forgotten when there are too many: the least recently or the least frequently used one. */
export type CachePolicy = "lru" | "lfu";

/** Options of a session's client cache. */
export interface ClientCacheOptions {
  /** Default `"lru"`. */
  policy?: CachePolicy;
  /** Clients kept, 1 to 10 000. Default 64. */
  maxSize?: number;
}

/** Options of one `session.client()` call. */
export interface ClientOptions {
  /** The policy of the evictions of this call. Default: the session's. */
  policy?: CachePolicy;
  /** Resizes the cache, for this and later calls. */
  maxSize?: number;
  /**
   * `false` gives a new client that is not kept: for callers who add middleware or destroy what they use. Default:
   * `true`, and `false` where the session has `clientCache: false`.
   */
  cache?: boolean;
}

/** What a session's client cache has done. */
export interface ClientCacheStats {
  /** Calls of `session.client()` that were answered with a kept client. */
  readonly hits: number;
  /** Calls of `session.client()` that made a client to keep. */
  readonly misses: number;
  /** Clients forgotten to make room. */
  readonly evictions: number;
  readonly size: number;
  readonly maxSize: number;
  readonly policy: CachePolicy;
}
