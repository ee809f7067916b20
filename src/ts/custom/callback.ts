import { threadId } from "node:worker_threads";
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
    const { call, argument, name, withAccountId } = owner;
    const same = `${threadId} ${name} ${idOf(call)} ${argument === undefined ? "-" : idOf(argument)} ${withAccountId}`;
    const ofCall = callbacks.get(call) ?? new Map<string, CredentialsCallback>();
    callbacks.set(call, ofCall);
    const callback = ofCall.get(same) ?? new CredentialsCallback(same, ask, name, withAccountId);
    ofCall.set(same, callback);
    return callback;
  }

  private constructor(same: string, ask: Ask, name: string, withAccountId: boolean) {
    this.same = same;
    this.#ask = ask;
    this.#name = name;
    this.#withAccountId = withAccountId;
  }

  readonly ask = async (call: number): Promise<NativeCustomReply> => {
    const controller = new AbortController();
    this.#calls.set(call, controller);
    try {
      const given = await this.#ask(controller.signal);
      const keys = keysOf(given, this.#withAccountId);
      this.#failure = undefined;
      return { keys };
    } catch (cause) {
      this.#failure = { cause };
      return { failure: this.#described(cause) };
    } finally {
      this.#calls.delete(call);
    }
  };

  readonly abort = (call: number): void => {
    const reason = new DOMException(`\`${this.#name}\`: the credentials are not waited for any more`, "TimeoutError");
    this.#calls.get(call)?.abort(reason);
  };

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
    const { name, code, retryable } = (typeof cause === "object" && cause !== null ? cause : {}) as Record<
      string,
      unknown
    >;
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

/** Held by their functions. */
const callbacks = new WeakMap<object, Map<string, CredentialsCallback>>();

const ids = new WeakMap<object, number>();
let last = 0;

/** A number of its own for every object or function; for other values a new one each time. */
function idOf(value: unknown): number {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return ++last;
  let id = ids.get(value);
  if (id === undefined) {
    id = ++last;
    ids.set(value, id);
  }
  return id;
}
