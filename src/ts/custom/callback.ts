import { bare } from "../bare";
import type { NativeCustomFailure, NativeCustomReply } from "../binding";
import { Calls } from "../calls";
import { threadId } from "../thread";
import { failed } from "./failure";
import { keysOf, ShapeError } from "./shape";

/** Asks for credentials; aborted when nobody waits any more. */
export type Ask = (signal: AbortSignal) => unknown;

/** Whose callback it is: sessions on the same function with the same argument have one, and share its answers. */
export interface CallbackOwner {
  /** The user's function. Identity counts, not looks: what a function closes over cannot be seen. */
  readonly call: object;
  /** What it is called with, besides the signal. */
  readonly argument: unknown;
  /** What it is called in messages. */
  readonly name: string;
  readonly withAccountId: boolean;
  /** How the sessions refresh: those with other settings ask for themselves. */
  readonly settings: object;
}

/**
 * A function of the user's, as the native side calls it: every call has a number, never throws, and can be aborted.
 */
export class CredentialsCallback {
  /** Equal for callbacks that are the same, in the whole process. */
  readonly same: string;
  readonly #ask: Ask;
  readonly #name: string;
  readonly #withAccountId: boolean;
  readonly #calls = new Calls();
  #failure: { cause: unknown } | undefined;

  /** The callback of `owner`. */
  static of(owner: CallbackOwner, ask: Ask): CredentialsCallback {
    const { call, argument, name, withAccountId, settings } = owner;
    // A text or number has no identity: its session is alone.
    const beside = argument === undefined ? call : isObject(argument) ? argument : {};
    const same = `${threadId()} ${idOf(call)} ${idOf(beside)} ${name} ${withAccountId} ${JSON.stringify(settings)}`;
    const ofCall = entry(callbacks, call, () => new WeakMap<object, Map<string, CredentialsCallback>>());
    const ofBoth = entry(ofCall, beside, () => new Map<string, CredentialsCallback>());
    return entry(ofBoth, same, () => new CredentialsCallback(same, ask, name, withAccountId));
  }

  private constructor(same: string, ask: Ask, name: string, withAccountId: boolean) {
    this.same = same;
    this.#ask = ask;
    this.#name = name;
    this.#withAccountId = withAccountId;
  }

  async ask(call: number): Promise<NativeCustomReply> {
    try {
      const { given } = await this.#calls.run(call, this.#ask);
      const keys = keysOf(given, this.#withAccountId);
      this.#failure = undefined;
      return bare({ keys });
    } catch (cause) {
      this.#failure = { cause };
      return bare({ failure: cause instanceof ShapeError ? this.#misshapen(cause) : failed(this.#name, cause) });
    }
  }

  abort(call: number): void {
    this.#calls.abort(call, `\`${this.#name}\`: the credentials are not waited for any more`);
  }

  /** What the last call threw: a `ShapeError` has nothing to add to the message. */
  get cause(): unknown {
    const cause = this.#failure?.cause;
    return cause instanceof ShapeError ? undefined : cause;
  }

  #misshapen({ message }: ShapeError): NativeCustomFailure {
    return bare({
      bad: true,
      message: `what \`${this.#name}\` gave are no credentials: ${message}`,
      hint: "It must give an AwsCredentialIdentity, or { access_key, secret_key, token, expiry_time }. The keys held are kept.",
      retryable: true,
    });
  }
}

/** By function, and by arguments where there are any: held by both. */
const callbacks = new WeakMap<object, WeakMap<object, Map<string, CredentialsCallback>>>();

const ids = new WeakMap<object, number>();
let last = 0;

/** A number of its own for every object or function. */
function idOf(value: object): number {
  return entry(ids, value, () => ++last);
}

/** What `map` has for `key`, made if it is not there. */
function entry<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
