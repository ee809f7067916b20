/**
 * One native session and the copy of its keys that readers are served from.
 *
 * The copy is used only while the native side says, synchronously, that the keys with its number are fresh: no
 * clock is read here.
 */

import { bare } from "./bare";
import type {
  NativeCaller,
  NativeError,
  NativeEvent,
  NativeIdentity,
  NativeSession,
  NativeStsClientOptions,
} from "./binding";
import type { Whereabouts } from "./caller";
import { type RefreshError, toError } from "./errors";
import type { Hear } from "./hearing";
import { presented } from "./presented";
import { type Reporting, report, warn } from "./reporting";
import type { AwsCredentialIdentity, Method, SessionStatus, SessionWarning } from "./types";

/** What a caller asks for: valid keys, keys from the fresh zone, or the outcome of a fetch in any case. */
export type Demand = "valid" | "fresh" | "forced";

/** What the sources differ in. */
export interface Opened {
  method: Method;
  session: NativeSession | NativeError;
  region: string | undefined;
  reporting: Reporting;
  /** Whether the source's account id is handed on. */
  accountId: boolean;
  caller: Whereabouts;
  hear?: Hear | undefined;
  causes?: Causes | undefined;
}

/**
 * The callbacks of the user's behind a session, by the code or the option of the errors that they cause. Held here, for
 * as long as the session is: the native side does not.
 */
export type Causes = Readonly<Record<string, { readonly cause: unknown } | undefined>>;

export class Engine {
  readonly method: Method;
  /** Of the options, else as the source knows it. */
  readonly region: string | undefined;
  readonly caller: Whereabouts;
  readonly #native: NativeSession;
  readonly #reporting: Reporting;
  readonly #accountId: boolean;
  readonly #hear: Hear | undefined;
  readonly #causes: Causes;
  readonly #freshSerial: () => number;
  #copy: NativeIdentity | undefined;
  #closing: Promise<undefined> | undefined;

  constructor({ method, session, region, reporting, accountId, caller, hear, causes = {} }: Opened) {
    if (isFailure(session)) throw toError(bare(session));
    this.method = method;
    this.region = region ?? session.region() ?? undefined;
    this.caller = caller;
    this.#native = session;
    this.#freshSerial = session.freshSerial();
    this.#reporting = reporting;
    this.#accountId = accountId;
    this.#hear = hear;
    this.#causes = causes;
    // In a later tick: a callback must not run inside the constructor that it may want to refer to.
    for (const warning of session.takeWarnings()) {
      process.nextTick(() => this.hear(bare({ type: "warning", warning })));
    }
  }

  /** Something has happened. */
  hear(event: NativeEvent): void {
    report(this.method, event, this.#reporting);
    this.#hear?.(event);
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Keys that are valid now, in a fresh object each time. */
  credentials(): Promise<AwsCredentialIdentity> {
    const copy = this.#copy;
    if (copy !== undefined && this.#freshSerial() === copy.serial) {
      return Promise.resolve(presented(copy, this.#accountId));
    }
    return this.identity("valid").then((keys) => presented(keys, this.#accountId));
  }

  /** Keys as the native side gives them. */
  async identity(demand: Demand): Promise<NativeIdentity> {
    const result = bare(await this.#native.identity(demand));
    if (isFailure(result)) throw this.error(result);
    if (!this.closed) this.#copy = result;
    return result;
  }

  /** Who STS says these keys are, or, for `base`, the credentials they are got with. */
  async whoIs(base: boolean, client: NativeStsClientOptions, timeoutMs: number): Promise<NativeCaller> {
    const result = bare(await this.#native.caller(base, client, timeoutMs));
    if (isFailure(result)) throw this.error(result);
    return result;
  }

  /** What is made of the native session, such as a connection. */
  on<T extends object>(make: (session: NativeSession) => T | NativeError): T {
    const made = make(this.#native);
    if (isFailure(made)) throw this.error(made);
    return made;
  }

  /** A warning of what belongs to the session, and has events of its own. */
  warn(warning: SessionWarning): void {
    warn(warning, this.#reporting);
  }

  invalidate(accessKeyId: string): boolean {
    return this.#native.invalidate(accessKeyId);
  }

  status(): SessionStatus {
    const { zone, expiresAt, refreshAt, fetches, failures, lastError, clockOffsetMs, certificateExpiry } = bare(
      this.#native.status(),
    );
    return {
      zone,
      expiresAt: asDate(expiresAt),
      refreshAt: asDate(refreshAt),
      fetches,
      failures,
      lastError: lastError === undefined ? undefined : this.error(lastError),
      clockOffsetMs,
      certificateExpiry: asDate(certificateExpiry),
    };
  }

  /** Whoever closes it again waits for the same end. */
  close(): Promise<void> {
    this.#copy = undefined;
    this.#closing ??= this.#native.close();
    return this.#closing;
  }

  /** The typed error, with what the user's callback threw as its cause. */
  error(failed: NativeError): RefreshError {
    const failure = bare(failed);
    const { code, param = "" } = failure;
    const thrower =
      code === "ERR_PKCS11_PIN_CALLBACK" || code === "ERR_CALLBACK_FAILED" ? this.#causes[param] : undefined;
    return toError(failure, thrower?.cause);
  }
}

function asDate(millis: number | undefined): Date | undefined {
  return millis === undefined ? undefined : new Date(millis);
}

function isFailure(result: object): result is NativeError {
  return Object.hasOwn(result, "failed");
}
