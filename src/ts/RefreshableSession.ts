import { inspect } from "node:util";
import { Engine } from "./engine";
import { ValidationError } from "./errors";
import { boolean, type Checks, checked, invalid, quoted } from "./options/check";
import { providerOf } from "./provider";
import type {
  AwsCredentialIdentityProvider,
  Method,
  RefreshOptions,
  SessionOptions,
  TemporaryCredentials,
} from "./types";

const METHODS: readonly Method[] = Object.freeze(["iot"] as const);

/**
 * A session whose credentials never go stale.
 *
 * The constructor reads and matches files and throws for every option that is wrong; the network and the token are
 * first used when credentials are asked for.
 */
export class RefreshableSession {
  static {
    // Not a member: the public types must not need those of Node.
    Object.defineProperty(RefreshableSession.prototype, inspect.custom, {
      value(this: RefreshableSession) {
        return `RefreshableSession ${inspect(this.toJSON())}`;
      },
    });
  }

  readonly #engine: Engine;
  readonly #credentials: AwsCredentialIdentityProvider;

  /** @throws ValidationError or ConfigurationError naming the option at fault. */
  constructor(options: SessionOptions) {
    this.#engine = open(options);
    this.#credentials = providerOf(this.#engine);
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

  /** Credentials that are valid now, in the shape of boto3-refresh-session. */
  async refreshableCredentials(): Promise<TemporaryCredentials> {
    const keys = await this.#engine.identity(false);
    const shown = {
      accessKey: keys.accessKeyId,
      secretKey: keys.secretAccessKey,
      token: keys.sessionToken,
      expiryTime: new Date(keys.expirationMs).toISOString(),
    };
    const redacted = { ...shown, secretKey: "** redacted **", token: "** redacted **" };
    return Object.defineProperty(shown, inspect.custom, { value: () => redacted });
  }

  /**
   * Sees to it that the keys are fresh; with `force`, fetches new ones in any case.
   *
   * @throws the error of the fetch, while the keys held stay; `signal.reason` when it is aborted.
   */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    const { force = false, signal } = checked<RefreshOptions>(options, refreshChecks);
    signal?.throwIfAborted();
    const fetched = this.#engine.identity(force);
    await (signal === undefined ? fetched : abortable(fetched, signal));
  }

  /** Ends the session: fetches stop, keys are wiped, connections and token sessions close. Idempotent. */
  async close(): Promise<void> {
    await this.#engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  toJSON(): { method: Method; closed: boolean } {
    return { method: this.method, closed: this.#engine.closed };
  }
}

const refreshChecks: Checks<RefreshOptions> = {
  force: boolean,
  signal: (value, param) => {
    if (value instanceof AbortSignal) return value;
    throw invalid(param, value, "an AbortSignal");
  },
};

function open(options: unknown): Engine {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid("options", options, "an object");
  }
  // Own properties, read once.
  const { method, ...rest } = Object.assign(Object.create(null), options);
  if (method === "iot") return Engine.iot(rest);
  const found = method === undefined ? "missing" : typeof method === "string" ? quoted(method) : "not a string";
  throw new ValidationError({
    code: method === undefined ? "ERR_MISSING_OPTION" : "ERR_INVALID_OPTION",
    message: `option \`method\` is ${found}`,
    hint: `This build has: ${METHODS.map((name) => `"${name}"`).join(", ")}.`,
    param: "method",
  });
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
