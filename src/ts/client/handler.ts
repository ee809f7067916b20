/**
 * Request handlers: the sockets of the clients.
 *
 * Clients that leave their handler to the SDK share the first one's: the TLS connection is what a client costs. Each
 * holds a lease on it, and what a caller does to one client — `destroy()` — ends its lease only. Handlers that cannot
 * be shared, such as HTTP/2 ones, are remembered, so that the end of the session ends their sockets too. A handler
 * that the caller made is the caller's.
 */

import { ClosedError } from "../errors";
import { canonical } from "./key";

/** What is used of an SDK v3 `requestHandler`. */
export interface RequestHandler {
  readonly metadata?: { readonly handlerProtocol?: string };
  handle(request: unknown, options?: unknown): Promise<unknown>;
  destroy?(): void;
  updateHttpClientConfig?(key: unknown, value: unknown): void;
  httpHandlerConfigs?(): object;
}

/** What is used of a client's resolved config. */
export interface HandlerConfig {
  requestHandler: RequestHandler;
  readonly defaultSocketTimeout?: unknown;
}

type Given = Readonly<Record<string, unknown>>;

export function closedError(): ClosedError {
  return new ClosedError({
    code: "ERR_CLOSED",
    message: "the session is closed",
    hint: "Make a new session, or close it later.",
  });
}

/** The handlers of one session's clients. */
export class Handlers {
  /** By what the SDK makes a default handler of: different defaults need different handlers. */
  readonly #shared = new Map<string, SharedHandler>();
  /** Weakly: a client that nobody has any more must not live on here. */
  readonly #own = new Set<WeakRef<RequestHandler>>();
  readonly #gone = new FinalizationRegistry<WeakRef<RequestHandler>>((ref) => this.#own.delete(ref));

  /**
   * Makes a client and sees to its handler.
   *
   * @param given - the config for the client
   * @returns the client, and what ends its hold on the shared handler
   */
  equip<T extends { readonly config: object }>(
    given: Given,
    make: (config: Given) => T,
  ): { client: T; release: () => void } {
    let madeBySdk: unknown;
    const extensions = Array.isArray(given.extensions) && given.extensions.length > 0 ? given.extensions : undefined;
    // An extension may replace the handler or change it: ours, the first, sees the one that the SDK made.
    const probe = {
      configure(runtime: { httpHandler?(): unknown }) {
        madeBySdk = runtime.httpHandler?.();
      },
    };
    const client = make(extensions === undefined ? given : { ...given, extensions: [probe, ...extensions] });
    const config = client.config as HandlerConfig;
    const handler = config.requestHandler;

    if (isHandler(given.requestHandler)) return { client, release: nothing };
    if (extensions === undefined && given.requestHandler === undefined && isDefault(handler)) {
      const lease = this.#lease(handler, given, config);
      config.requestHandler = lease;
      return { client, release: () => lease.destroy() };
    }
    if (isHandler(handler) && (extensions === undefined || handler === madeBySdk)) this.#remember(handler);
    return { client, release: nothing };
  }

  /** Ends every socket but those of the callers' own handlers. Idempotent. */
  close(): void {
    for (const shared of this.#shared.values()) shared.close();
    for (const ref of this.#own) ref.deref()?.destroy?.();
    this.#shared.clear();
    this.#own.clear();
  }

  #lease(handler: RequestHandler, given: Given, config: HandlerConfig): Lease {
    const defaults = [handler.constructor, given.defaultsMode, given.profile, config.defaultSocketTimeout];
    const key = canonical(defaults);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = new SharedHandler(handler);
      this.#shared.set(key, shared);
    }
    // Another's own handler is dropped as it is: it opens its first socket with its first request.
    return new Lease(shared);
  }

  #remember(handler: RequestHandler): void {
    const ref = new WeakRef(handler);
    this.#own.add(ref);
    this.#gone.register(handler, ref);
  }
}

/** One client's share of a handler. It stands in for the handler in the client's config. */
class Lease implements RequestHandler {
  readonly #shared: SharedHandler;
  #held = false;

  constructor(shared: SharedHandler) {
    this.#shared = shared;
    this.#hold();
  }

  get metadata() {
    return this.#shared.handler.metadata as { readonly handlerProtocol?: string };
  }

  /** A client that was destroyed or forgotten works on, as SDK clients do: it holds its lease again. */
  handle(request: unknown, options?: unknown): Promise<unknown> {
    this.#hold();
    return this.#shared.handle(request, options);
  }

  updateHttpClientConfig(key: unknown, value: unknown): void {
    this.#shared.update(key, value);
  }

  httpHandlerConfigs(): object {
    return this.#shared.handler.httpHandlerConfigs?.() ?? {};
  }

  /** Ends the lease; the handler, and requests of any client under way, stay. */
  destroy(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#shared.release();
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#shared.hold();
  }
}

/** A handler with the number of clients that hold it. */
class SharedHandler {
  readonly handler: RequestHandler;
  #holders = 0;
  #closed = false;
  /** Those in use before a change of the handler's config, which it forgets until its next request. */
  readonly #agents = new Set<Agent>();

  constructor(handler: RequestHandler) {
    this.handler = handler;
  }

  hold(): void {
    this.#holders++;
  }

  /** With the last holder, idle sockets go. Those in use stay: a reply may still be streaming. */
  release(): void {
    if (--this.#holders > 0) return;
    for (const agent of agentsOf(this.handler)) closeIdle(agent);
  }

  async handle(request: unknown, options: unknown): Promise<unknown> {
    if (this.#closed) throw closedError();
    try {
      return await this.handler.handle(request, options);
    } finally {
      // It may have got its agents only after the close.
      if (this.#closed) this.#destroyAgents();
    }
  }

  update(key: unknown, value: unknown): void {
    for (const agent of agentsOf(this.handler)) this.#agents.add(agent);
    this.handler.updateHttpClientConfig?.(key, value);
  }

  close(): void {
    this.#closed = true;
    this.handler.destroy?.();
    this.#destroyAgents();
  }

  #destroyAgents(): void {
    for (const agent of [...this.#agents, ...agentsOf(this.handler)]) agent.destroy();
  }
}

/** What is used of a `node:http` agent. */
interface Agent {
  readonly freeSockets: Record<string, readonly { destroy(): void }[] | undefined>;
  destroy(): void;
}

function agentsOf(handler: RequestHandler): Agent[] {
  const { httpAgent, httpsAgent } = (handler.httpHandlerConfigs?.() ?? {}) as Record<string, Agent | undefined>;
  return [httpAgent, httpsAgent].filter((agent) => typeof agent?.destroy === "function") as Agent[];
}

function closeIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets ?? {})) {
    // A copy: a socket that ends leaves the list.
    for (const socket of [...(sockets ?? [])]) socket.destroy();
  }
}

/** Whether it is what the SDK gives clients that need nothing special. */
function isDefault(handler: unknown): handler is RequestHandler {
  if (!isHandler(handler) || handler.metadata?.handlerProtocol !== "http/1.1") return false;
  return handler.constructor?.name === "NodeHttpHandler";
}

function isHandler(value: unknown): value is RequestHandler {
  return typeof (value as RequestHandler | undefined)?.handle === "function";
}

function nothing(): void {}
