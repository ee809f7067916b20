import { type ClientCache, type Kept, StoredClients } from "./ClientCache";
import { checkClient, clientConstructor, ownConfig, someFunction } from "./config";
import { closedError, Handlers } from "./handler";
import { addHealing } from "./healing";
import type { ClientHost } from "./host";
import { keyOf } from "./key";
import { lend } from "./lent";
import { clientOptions, DEFAULT_MAX_SIZE, DEFAULT_POLICY } from "./options";
import { Store } from "./store";
import type { CachePolicy, ClientCacheOptions, ClientConfig, ClientConstructor, ClientOptions } from "./types";

/**
 * The clients of one session: made with its credentials, healed when those expire, kept for the next who asks for the
 * same, all on shared sockets.
 */
export class Clients {
  readonly cache: ClientCache;
  readonly #host: ClientHost;
  readonly #policy: CachePolicy;
  readonly #caching: boolean;
  readonly #handlers = new Handlers();
  readonly #store: Store<Kept>;
  #hits = 0;
  #misses = 0;
  #closed = false;

  /** @param options - the session option `clientCache`, checked */
  constructor(host: ClientHost, options: false | ClientCacheOptions = NOTHING) {
    const { policy = DEFAULT_POLICY, maxSize = DEFAULT_MAX_SIZE } = options || NOTHING;
    this.#host = host;
    this.#policy = policy;
    this.#caching = options !== false;
    this.#store = new Store(maxSize, ({ release }) => release());
    this.cache = new StoredClients(this.#store, host.region, () => ({
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#store.evictions,
      size: this.#store.size,
      maxSize: this.#store.maxSize,
      policy,
    }));
  }

  /**
   * The client of this class and config.
   *
   * @throws ValidationError naming what cannot be taken; ClosedError after `close`.
   */
  client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C> {
    if (this.#closed) throw closedError();
    const {
      policy = this.#policy,
      maxSize,
      cache = this.#caching,
    } = options === undefined ? NOTHING : clientOptions(options);
    const own = ownConfig(config, this.#host.region);
    if (!cache) return this.#make(Ctor, own).client as InstanceType<C>;

    const id = keyOf(someFunction(Ctor), own);
    let entry = this.#store.find(id);
    if (entry !== undefined) {
      this.#hits++;
      this.#store.use(entry);
      if (maxSize !== undefined) this.#store.resize(maxSize, policy, entry);
    } else {
      const kept = this.#make(Ctor, own);
      this.#misses++;
      entry = this.#store.add(id, nameOf(Ctor), kept, policy, maxSize);
    }
    return entry.value.client as InstanceType<C>;
  }

  /** Ends the handlers of all clients, and forgets those kept. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#handlers.close();
    this.#store.clear();
  }

  #make(Ctor: unknown, own: Record<string, unknown>): Kept {
    const Made = clientConstructor(Ctor);
    const lent = lend(this.#host.credentials);
    own.credentials = lent.provider;
    const kept = this.#handlers.equip(own, (given) => {
      const client = new Made(given);
      checkClient(client);
      return client;
    });
    addHealing(kept.client, this.#host, lent, own.systemClockOffset !== undefined);
    return kept;
  }
}

/** Without a prototype: what is not there must not be found elsewhere. */
const NOTHING: ClientOptions = Object.freeze(Object.create(null));

function nameOf(Ctor: ClientConstructor): string {
  const { name } = Ctor as { name?: unknown };
  return typeof name === "string" && name !== "" ? name : "Client";
}
