/**
 * One native session and the copy of its keys that readers are served from.
 *
 * The copy is used only while the native side says, synchronously, that the keys with its number are fresh: no
 * clock is read here.
 */

import { bare } from "./bare";
import type { NativeCustomReply, NativeError, NativeEvent, NativeIdentity, NativeSession } from "./binding";
import { CredentialsCallback } from "./custom/callback";
import { toError } from "./errors";
import { type Hear, hearing } from "./hearing";
import { native } from "./native";
import { parseCustomOptions, parseProviderOptions } from "./options/custom";
import { type PinCallback, parseIotOptions } from "./options/iot";
import { presented } from "./presented";
import { type Reporting, report } from "./reporting";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider, Method, SessionStatus } from "./types";
import { weakly } from "./weakly";

/** What a caller asks for: valid keys, keys from the fresh zone, or the outcome of a fetch in any case. */
export type Demand = "valid" | "fresh" | "forced";

/** What the sources differ in. */
interface Opened {
  method: Method;
  session: NativeSession | NativeError;
  region: string | undefined;
  reporting: Reporting;
  hear?: Hear | undefined;
  pin?: PinCallback | undefined;
  callback?: CredentialsCallback | undefined;
}

export class Engine {
  readonly method: Method;
  /** Of the options, else as the source knows it. */
  readonly region: string | undefined;
  readonly #native: NativeSession;
  readonly #reporting: Reporting;
  readonly #hear: Hear | undefined;
  readonly #pin: PinCallback | undefined;
  readonly #callback: CredentialsCallback | undefined;
  readonly #freshSerial: () => number;
  #copy: NativeIdentity | undefined;
  #closing: Promise<undefined> | undefined;

  /** The engine of a session on the IoT credentials endpoint. Throws the typed error of the option at fault. */
  static iot(options: unknown, hear?: Hear, beside?: readonly string[]): Engine {
    const { common, iot, pin, reporting, region } = parseIotOptions(options, beside);
    const { heard, follow } = hearing();
    const session = native.openIot(common, iot, heard, pin && weakly(pin, (held) => held.ask(), noPin));
    return followed(new Engine({ method: "iot", session, region, reporting, hear, pin }), follow);
  }

  /** The engine of a session on a callback. */
  static custom(options: unknown, hear?: Hear, beside?: readonly string[]): Engine {
    const { common, call, args, accountId, reporting, region } = parseCustomOptions(options, beside);
    const owner = { call, argument: args, name: "customCredentials", withAccountId: accountId, settings: common };
    const callback = CredentialsCallback.of(owner, (signal) => call(args, { signal }));
    const { heard, follow } = hearing();
    const custom = bare({ provider: false, same: callback.same });
    const session = native.openCustom(common, custom, heard, ...callable(callback));
    return followed(new Engine({ method: "custom", session, region, reporting, hear, callback }), follow);
  }

  /** The engine of a session on an SDK provider. */
  static provider(provider: AwsCredentialIdentityProvider, options: unknown): Engine {
    const { common, accountId, reporting, region } = parseProviderOptions(options);
    const owner = { call: provider, argument: undefined, name: "provider", withAccountId: accountId, settings: common };
    // A provider that keeps a copy of its own is asked only when ours is due.
    const callback = CredentialsCallback.of(owner, () => provider({ forceRefresh: true }));
    const { heard, follow } = hearing();
    const custom = bare({ provider: true, same: callback.same });
    const session = native.openCustom(common, custom, heard, ...callable(callback));
    return followed(new Engine({ method: "custom", session, region, reporting, callback }), follow);
  }

  private constructor({ method, session, region, reporting, hear, pin, callback }: Opened) {
    if (isFailure(session)) throw toError(bare(session));
    this.method = method;
    this.region = region ?? session.region() ?? undefined;
    this.#native = session;
    this.#freshSerial = session.freshSerial();
    this.#reporting = reporting;
    this.#hear = hear;
    this.#pin = pin;
    this.#callback = callback;
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
      return Promise.resolve(presented(copy));
    }
    return this.identity("valid").then(presented);
  }

  /** Keys as the native side gives them. */
  async identity(demand: Demand): Promise<NativeIdentity> {
    const result = bare(await this.#native.identity(demand));
    if (isFailure(result)) throw this.error(result);
    if (!this.closed) this.#copy = result;
    return result;
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
  error(failed: NativeError): Error {
    const failure = bare(failed);
    if (failure.code === "ERR_PKCS11_PIN_CALLBACK") return toError(failure, this.#pin?.failure);
    if (failure.code === "ERR_CALLBACK_FAILED") return toError(failure, this.#callback?.cause);
    return toError(failure);
  }
}

/** A callback as the native side takes it. */
function callable(
  callback: CredentialsCallback,
): [(call: number) => Promise<NativeCustomReply>, (call: number) => void] {
  const ask = (held: CredentialsCallback, call: number) => held.ask(call);
  const abort = (held: CredentialsCallback, call: number) => held.abort(call);
  return [weakly(callback, ask, async () => bare({})), weakly(callback, abort, () => {})];
}

function noPin(): Promise<never> {
  return Promise.reject(new Error("nobody has this session any more"));
}

function followed(engine: Engine, follow: (engine: Engine) => void): Engine {
  follow(engine);
  return engine;
}

function asDate(millis: number | undefined): Date | undefined {
  return millis === undefined ? undefined : new Date(millis);
}

function isFailure(result: object): result is NativeError {
  return Object.hasOwn(result, "failed");
}
