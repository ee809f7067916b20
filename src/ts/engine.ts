/**
 * One native session and the copy of its keys that readers are served from.
 *
 * The copy is used only while the native side says, synchronously, that the keys with its number are fresh: no
 * clock is read here.
 */

import type { NativeError, NativeEvent, NativeIdentity, NativeSession } from "./binding";
import { CredentialsCallback } from "./custom/callback";
import { toError } from "./errors";
import { native } from "./native";
import { parseCustomOptions, parseProviderOptions } from "./options/custom";
import { type PinCallback, parseIotOptions } from "./options/iot";
import { presented } from "./presented";
import { type Reporting, report } from "./reporting";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider, Method, SessionStatus } from "./types";

/** What a caller asks for: valid keys, keys from the fresh zone, or the outcome of a fetch in any case. */
export type Demand = "valid" | "fresh" | "forced";

/** Hears of everything that happens; in a later turn of the event loop. */
export type Hear = (event: NativeEvent) => void;

/** What the sources differ in. */
interface Opened {
  method: Method;
  session: NativeSession | NativeError;
  heard: Hear;
  region: string | undefined;
  pin?: PinCallback | undefined;
  callback?: CredentialsCallback | undefined;
}

export class Engine {
  readonly method: Method;
  /** Of the options, else as the source knows it. */
  readonly region: string | undefined;
  readonly #native: NativeSession;
  readonly #pin: PinCallback | undefined;
  readonly #callback: CredentialsCallback | undefined;
  readonly #freshSerial: () => number;
  #copy: NativeIdentity | undefined;
  #closing: Promise<undefined> | undefined;

  /** The engine of a session on the IoT credentials endpoint. Throws the typed error of the option at fault. */
  static iot(options: unknown, hear?: Hear, beside?: readonly string[]): Engine {
    const { common, iot, pin, reporting, region } = parseIotOptions(options, beside);
    const heard = hearing("iot", reporting, hear);
    return new Engine({ method: "iot", session: native.openIot(common, iot, heard, pin?.ask), heard, region, pin });
  }

  /** The engine of a session on a callback. */
  static custom(options: unknown, hear?: Hear, beside?: readonly string[]): Engine {
    const { common, call, args, accountId, reporting, region } = parseCustomOptions(options, beside);
    const owner = { call, argument: args, name: "customCredentials", withAccountId: accountId };
    const callback = CredentialsCallback.of(owner, (signal) => call(args, { signal }));
    const heard = hearing("custom", reporting, hear);
    const custom = { provider: false, same: callback.same };
    const session = native.openCustom(common, custom, heard, callback.ask, callback.abort);
    return new Engine({ method: "custom", session, heard, region, callback });
  }

  /** The engine of a session on an SDK provider. */
  static provider(provider: AwsCredentialIdentityProvider, options: unknown): Engine {
    const { common, accountId, reporting, region } = parseProviderOptions(options);
    const owner = { call: provider, argument: undefined, name: "provider", withAccountId: accountId };
    // A provider that keeps a copy of its own is asked only when ours is due.
    const callback = CredentialsCallback.of(owner, () => provider({ forceRefresh: true }));
    const heard = hearing("custom", reporting, undefined);
    const custom = { provider: true, same: callback.same };
    const session = native.openCustom(common, custom, heard, callback.ask, callback.abort);
    return new Engine({ method: "custom", session, heard, region, callback });
  }

  private constructor({ method, session, heard, region, pin, callback }: Opened) {
    if (isFailure(session)) throw toError(session);
    this.method = method;
    this.region = region ?? session.region() ?? undefined;
    this.#native = session;
    this.#freshSerial = session.freshSerial();
    this.#pin = pin;
    this.#callback = callback;
    // In a later tick: a callback must not run inside the constructor that it may want to refer to.
    for (const warning of session.takeWarnings()) process.nextTick(heard, { type: "warning", warning });
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
    const result = await this.#native.identity(demand);
    if (isFailure(result)) throw this.error(result);
    if (!this.closed) this.#copy = result;
    return result;
  }

  invalidate(accessKeyId: string): boolean {
    return this.#native.invalidate(accessKeyId);
  }

  status(): SessionStatus {
    const { zone, expiresAt, refreshAt, fetches, failures, lastError, clockOffsetMs, certificateExpiry } =
      this.#native.status();
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
  error(failure: NativeError): Error {
    if (failure.code === "ERR_PKCS11_PIN_CALLBACK") return toError(failure, this.#pin?.failure);
    if (failure.code === "ERR_CALLBACK_FAILED") return toError(failure, this.#callback?.cause);
    return toError(failure);
  }
}

function hearing(method: Method, reporting: Reporting, hear: Hear | undefined): Hear {
  return (event) => {
    report(method, event, reporting);
    hear?.(event);
  };
}

function asDate(millis: number | undefined): Date | undefined {
  return millis === undefined ? undefined : new Date(millis);
}

function isFailure(result: object): result is NativeError {
  return Object.hasOwn(result, "failed");
}
