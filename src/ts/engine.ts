/**
 * One native session and the copy of its keys that readers are served from.
 *
 * The copy is used only while the native side says, synchronously, that the keys with its number are fresh: no
 * clock is read here.
 */

import { inspect } from "node:util";
import type { NativeError, NativeIdentity, NativeSession } from "./binding";
import { toError } from "./errors";
import { native } from "./native";
import { type PinCallback, parseIotOptions } from "./options/iot";
import type { AwsCredentialIdentity, IotOptions, Method } from "./types";

type Reporting = Pick<IotOptions, "logger" | "onWarning">;

export class Engine {
  readonly method: Method;
  readonly #native: NativeSession;
  readonly #pin: PinCallback | undefined;
  readonly #reporting: Reporting;
  #copy: NativeIdentity | undefined;
  #closed = false;

  /** The engine of a session on the IoT credentials endpoint. Throws the typed error of the option at fault. */
  static iot(options: unknown): Engine {
    const { common, iot, pin, reporting } = parseIotOptions(options);
    const opened = native.openIot(common, iot, pin?.ask);
    if (isFailure(opened)) throw toError(opened);
    return new Engine("iot", opened, pin, reporting);
  }

  private constructor(method: Method, session: NativeSession, pin: PinCallback | undefined, reporting: Reporting) {
    this.method = method;
    this.#native = session;
    this.#pin = pin;
    this.#reporting = reporting;
    this.#deliverWarnings();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Keys that are valid now, in a fresh object each time. */
  credentials(): Promise<AwsCredentialIdentity> {
    const copy = this.#copy;
    if (copy !== undefined && this.#native.freshGeneration() === copy.generation) {
      return Promise.resolve(presented(copy));
    }
    return this.identity(false).then(presented);
  }

  /** Keys as the native side gives them; with `force`, fetched in any case. */
  async identity(force: boolean): Promise<NativeIdentity> {
    const result = await this.#native.identity(force);
    this.#deliverWarnings();
    if (isFailure(result)) {
      throw toError(result, result.code === "ERR_PKCS11_PIN_CALLBACK" ? this.#pin?.failure : undefined);
    }
    if (result.generation > (this.#copy?.generation ?? 0) && !this.#closed) {
      this.#copy = result;
      logFetch(this.method, result, this.#reporting);
    }
    return result;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#copy = undefined;
    await this.#native.close();
  }

  /** In a later tick: a callback must not run inside the constructor that it may want to refer to. */
  #deliverWarnings(): void {
    for (const warning of this.#native.takeWarnings()) {
      process.nextTick(deliver, warning, this.#reporting);
    }
  }
}

function logFetch(method: Method, { accessKeyId, expirationMs }: NativeIdentity, { logger }: Reporting): void {
  const until = new Date(expirationMs).toISOString();
  guarded(() => logger?.debug(`refresh-session - ${method}: keys ${accessKeyId} until ${until}`));
}

function deliver(warning: { code: string; message: string }, { logger, onWarning }: Reporting): void {
  guarded(() => logger?.warn(`refresh-session - ${warning.code}: ${warning.message}`));
  guarded(() => onWarning?.(warning));
  if (logger === undefined && onWarning === undefined) {
    process.emitWarning(warning.message, { type: "RefreshSessionWarning", code: warning.code });
  }
}

/** The user's callback may fail: that is said, but it neither fails a fetch nor ends the process. */
function guarded(call: () => unknown): void {
  const report = (failure: unknown) =>
    process.emitWarning(`a callback given to refresh-session failed: ${inspect(failure)}`, "RefreshSessionWarning");
  try {
    Promise.resolve(call()).catch(report);
  } catch (failure) {
    report(failure);
  }
}

function isFailure(result: object): result is NativeError {
  return Object.hasOwn(result, "failed");
}

/** What `console.log` shows of credentials: everything but the secrets. */
const redacted = {
  value(this: AwsCredentialIdentity) {
    return { ...this, secretAccessKey: "** redacted **", sessionToken: "** redacted **" };
  },
};

/** Plain, extensible and of its own: SDK clients write to it. */
function presented(keys: NativeIdentity): AwsCredentialIdentity {
  const credentials = {
    accessKeyId: keys.accessKeyId,
    secretAccessKey: keys.secretAccessKey,
    sessionToken: keys.sessionToken,
    expiration: new Date(keys.expirationMs),
  };
  return Object.defineProperty(credentials, inspect.custom, redacted);
}
