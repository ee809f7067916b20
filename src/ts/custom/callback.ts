import { threadId } from "node:worker_threads";
import { bare } from "../bare";
import type { NativeCustomFailure, NativeCustomReply } from "../binding";
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
  readonly #calls = new Map<number, AbortController>();
  #failure: { cause: unknown } | undefined;

  /** The callback of `owner`. */
  static of(owner: CallbackOwner, ask: Ask): CredentialsCallback {
    const { call, argument, name, withAccountId, settings } = owner;
    // A text or number has no identity: its session is alone.
    const beside = argument === undefined ? call : isObject(argument) ? argument : {};
    const same = `${threadId} ${idOf(call)} ${idOf(beside)} ${name} ${withAccountId} ${JSON.stringify(settings)}`;
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
    const controller = new AbortController();
    this.#calls.set(call, controller);
    try {
      const given = await this.#ask(controller.signal);
      const keys = keysOf(given, this.#withAccountId);
      this.#failure = undefined;
      return bare({ keys });
    } catch (cause) {
      this.#failure = { cause };
      return bare({ failure: bare(this.#described(cause)) });
    } finally {
      this.#calls.delete(call);
    }
  }

  abort(call: number): void {
    const reason = new DOMException(`\`${this.#name}\`: the credentials are not waited for any more`, "TimeoutError");
    this.#calls.get(call)?.abort(reason);
    // It may never settle.
    this.#calls.delete(call);
  }

  /** What the last call threw: a `ShapeError` has nothing to add to the message. */
  get cause(): unknown {
    const cause = this.#failure?.cause;
    return cause instanceof ShapeError ? undefined : cause;
  }

  /** What was thrown may hold a secret in its message: only its kind is told. The whole is the error's `cause`. */
  #described(cause: unknown): NativeCustomFailure {
    if (cause instanceof ShapeError) {
      return {
        bad: true,
        message: `what \`${this.#name}\` gave are no credentials: ${cause.message}`,
        hint: "It must give an AwsCredentialIdentity, or { access_key, secret_key, token, expiry_time }. The keys held are kept.",
        retryable: true,
      };
    }
    const { name, code, retryable } = (isObject(cause) ? cause : {}) as Record<string, unknown>;
    const kinds = [name, code].filter((kind) => typeof kind === "string" && /^\w{1,64}$/.test(kind));
    return {
      bad: false,
      message: `\`${this.#name}\` failed${kinds.length === 0 ? "" : ` with ${kinds.join(" ")}`}`,
      hint: "What it threw is the cause.",
      // An error of ours, or of somebody who says so: asking again by itself will not help.
      retryable: retryable !== false,
    };
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
