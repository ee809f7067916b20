import { inspect } from "node:util";
import type { NativeEvent, NativeIdentity } from "./binding";
import { callerIdentity, sourceIdentity } from "./caller";
import type { ClientCache } from "./client/ClientCache";
import { Clients } from "./client/Clients";
import { clientCacheOption } from "./client/options";
import type { ClientConfig, ClientConstructor, ClientOptions } from "./client/types";
import { Connections } from "./connections";
import type { Demand, Engine } from "./engine";
import { ClosedError, ValidationError } from "./errors";
import { SessionEvents } from "./events";
import { type MqttConnection, openMqtt } from "./mqtt";
import type { MqttOptions } from "./mqtt/types";
import { type Open, openContainer, openCustom, openIot, openSts, openWebIdentity } from "./open";
import { boolean, type Checks, checked, invalid, optionsObject, quoted } from "./options/check";
import { providerOf } from "./provider";
import type { SessionOptions } from "./sessionOptions";
import type { CallerIdentity, StsClientConfig } from "./sts/types";
import type {
  AwsCredentialIdentityProvider,
  Method,
  RefreshOptions,
  SessionStatus,
  TemporaryCredentials,
} from "./types";

/** Every method with its source. */
const sources: Readonly<Record<Method, Open>> = {
  sts: openSts,
  iot: openIot,
  container: openContainer,
  webIdentity: openWebIdentity,
  custom: openCustom,
};

const METHODS = Object.freeze(Object.keys(sources)) as readonly Method[];

/** What a session takes besides the options of its source. */
const OWN_OPTIONS = ["method", "clientCache"] as const;

/**
 * A session whose credentials never go stale.
 *
 * The constructor reads and matches files and throws for every option that is wrong; the network and the token are
 * first used when credentials are asked for, or, with `refresh: "eager"`, soon after.
 *
 * Emits `refresh`, `refreshError`, `expired`, `warning` and `close`; none of them needs a listener.
 */
export class RefreshableSession extends SessionEvents {
  readonly #engine: Engine;
  readonly #credentials: AwsCredentialIdentityProvider;
  readonly #clients: Clients;
  readonly #connections = new Connections();

  /** @throws ValidationError or ConfigurationError naming the option at fault. */
  constructor(options: SessionOptions) {
    super();
    const { method, clientCache, ...rest } = own(options);
    const caching = clientCache === undefined ? undefined : clientCacheOption(clientCache, "clientCache");
    this.#engine = open(method, rest, (event) => this.#hear(event));
    this.#credentials = providerOf(this.#engine);
    const host = {
      credentials: this.#credentials,
      region: this.#engine.region,
      invalidate: (accessKeyId: string) => this.#engine.invalidate(accessKeyId),
      clockOffsetMs: () => worthCorrecting(this.#engine.status().clockOffsetMs),
    };
    this.#clients = new Clients(host, caching);
  }

  /** The methods of this build. */
  static availableMethods(): readonly Method[] {
    return METHODS;
  }

  /** How this session comes to its credentials. */
  get method(): Method {
    return this.#engine.method;
  }

  /** The provider for SDK v3 clients: `new S3Client({ credentials: session.credentials })`. */
  get credentials(): AwsCredentialIdentityProvider {
    return this.#credentials;
  }

  /** The clients that `client()` keeps. */
  get cache(): ClientCache {
    return this.#clients.cache;
  }

  /**
   * An SDK v3 client with this session's credentials: the same one for the same class and config, on sockets shared
   * with the others.
   *
   * When a service answers that the keys have expired, new ones are fetched and the request is sent once more.
   *
   * @throws ValidationError naming what cannot be taken, such as `credentials`; ClosedError after `close`.
   */
  client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C> {
    return this.#clients.client(Ctor, config, options);
  }

  /** Credentials that are valid now, in the shape of boto3-refresh-session. */
  async refreshableCredentials(): Promise<TemporaryCredentials> {
    return seedShaped(await this.#engine.identity("valid"));
  }

  /** Resolves when there are valid keys; rejects when fetching them failed. */
  async ready(): Promise<void> {
    await this.#engine.identity("valid");
  }

  /**
   * Sees to it that the keys are fresh; with `force`, fetches new ones in any case.
   *
   * @throws the error of the fetch, while the keys held stay; `signal.reason` when it is aborted.
   */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    const { force = false, signal } = checked<RefreshOptions>(options, refreshChecks);
    signal?.throwIfAborted();
    const demand: Demand = force ? "forced" : "fresh";
    const fetched = this.#engine.identity(demand);
    await (signal === undefined ? fetched : abortable(fetched, signal));
  }

  /**
   * To be called when a service has refused the keys with this id as expired. If they are the ones held, the next
   * read fetches new ones. Whether they are.
   */
  invalidate(accessKeyId: string): boolean {
    if (typeof accessKeyId !== "string") throw invalid("accessKeyId", accessKeyId, "a string");
    return this.#engine.invalidate(accessKeyId);
  }

  /**
   * Who this session's credentials belong to: STS is asked, with the credentials themselves. Fetches some if there are none.
   *
   * @param config - which STS; default: the session's `stsClientConfig`, else that of its region.
   * @throws ValidationError naming `region` if there is none; the errors of the fetch and of STS.
   */
  async getCallerIdentity(config?: StsClientConfig): Promise<CallerIdentity> {
    return callerIdentity(this.#engine, config);
  }

  /** The same as `getCallerIdentity`. */
  async whoami(config?: StsClientConfig): Promise<CallerIdentity> {
    return callerIdentity(this.#engine, config);
  }

  /**
   * Of a session of `"sts"`: who the credentials belong to that the role is assumed with.
   *
   * @param config - as for `getCallerIdentity`.
   * @throws ValidationError for the other methods, which start from no AWS credentials.
   */
  async sourceIdentity(config?: StsClientConfig): Promise<CallerIdentity> {
    return sourceIdentity(this.#engine, config);
  }

  /**
   * An MQTT connection with this session's device certificate or credentials, or with an identity of its own. It is not
   * connected yet.
   *
   * @throws ValidationError or ConfigurationError naming the option at fault; ClosedError after `close`.
   */
  async mqtt(options: MqttOptions): Promise<MqttConnection> {
    if (this.#engine.closed) throw new ClosedError({ code: "ERR_CLOSED", message: "the session is closed" });
    const connection = openMqtt(this.#engine, options);
    this.#connections.add(connection);
    return connection;
  }

  /** How the session stands. Holds no secret. */
  status(): SessionStatus {
    return this.#engine.status();
  }

  /** Ends the session: fetches stop, keys are wiped, connections and token sessions close. Idempotent. */
  async close(): Promise<void> {
    const first = !this.#engine.closed;
    this.#clients.close();
    // Both at once: from here on nothing begins any more.
    await Promise.all([this.#connections.close(), this.#engine.close()]);
    if (!first) return;
    try {
      this.emit("close");
    } catch (thrown) {
      // The session is closed all the same; what a listener throws is its own affair.
      process.nextTick(() => {
        throw thrown;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  toJSON(): { method: Method; closed: boolean } {
    return { method: this.method, closed: this.#engine.closed };
  }

  /** In a tick of its own: what a listener throws is its own affair. */
  #hear(event: NativeEvent): void {
    const { type, accessKeyId = "", expirationMs, error, warning } = event;
    const expiration = expirationMs === undefined ? undefined : new Date(expirationMs);
    if (type === "refreshError" && error !== undefined) {
      process.nextTick(() => this.emit("refreshError", this.#engine.error(error)));
    } else if (type === "warning" && warning !== undefined) {
      process.nextTick(() => this.emit("warning", warning));
    } else if (type === "refresh" || type === "expired") {
      process.nextTick(() => this.emit(type, { accessKeyId, expiration }));
    }
  }
}

// Not a member: the public types must not need those of Node.
Object.defineProperty(RefreshableSession.prototype, inspect.custom, {
  value(this: RefreshableSession) {
    return `RefreshableSession ${inspect(this.toJSON())}`;
  },
});

const refreshChecks: Checks<RefreshOptions> = {
  force: boolean,
  signal: (value, param) => {
    if (value instanceof AbortSignal) return value;
    throw invalid(param, value, "an AbortSignal");
  },
};

/** A `Date` header is good to a second, and services allow minutes. */
const TOLERATED_OFFSET_MS = 30_000;

function worthCorrecting(offsetMs: number | undefined): number {
  return offsetMs !== undefined && Math.abs(offsetMs) > TOLERATED_OFFSET_MS ? offsetMs : 0;
}

/** Own properties, read once; without a prototype, so that what is not there is not found elsewhere. */
function own(options: unknown): Record<string, unknown> {
  return Object.assign(Object.create(null), optionsObject(options));
}

function open(given: unknown, options: object, hear: (event: NativeEvent) => void): Engine {
  const method = given === undefined ? byDefault(options) : given;
  if (typeof method === "string" && Object.hasOwn(sources, method)) {
    return sources[method as Method](options, hear, OWN_OPTIONS);
  }
  throw new ValidationError({
    code: "ERR_INVALID_OPTION",
    message: `option \`method\` is ${typeof method === "string" ? quoted(method) : "not a string"}`,
    hint: `This build has: ${METHODS.map((name) => `"${name}"`).join(", ")}.`,
    param: "method",
  });
}

/** Without a method it is "sts"; without what that needs, the method was probably forgotten. */
function byDefault(options: object): Method {
  if (Object.hasOwn(options, "assumeRole")) return "sts";
  throw new ValidationError({
    code: "ERR_MISSING_OPTION",
    message: 'option `method` is missing; without it, it is "sts", and `assumeRole` is needed',
    hint: `This build has: ${METHODS.map((name) => `"${name}"`).join(", ")}.`,
    param: "method",
  });
}

function seedShaped(keys: NativeIdentity): TemporaryCredentials {
  const shown = {
    accessKey: keys.accessKeyId,
    secretKey: keys.secretAccessKey,
    token: keys.sessionToken,
    expiryTime: keys.expirationMs === undefined ? undefined : new Date(keys.expirationMs).toISOString(),
  };
  const redacted = { ...shown, secretKey: "** redacted **", token: "** redacted **" };
  return Object.defineProperty(shown, inspect.custom, { value: () => redacted });
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
