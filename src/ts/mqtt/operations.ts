/**
 * Operations that are under way, by number, with the promises that they settle.
 *
 * No object is made for one besides its promise: columns of an array each, and a list of the numbers that are free.
 */

import type { MqttReasons } from "./types";

type Resolve = (value: unknown) => void;
type Reject = (reason: unknown) => void;

/** What the next promise is settled with: one executor for all, rather than a closure for each. */
let nextResolve: Resolve;
let nextReject: Reject;
const executor = (resolve: Resolve, reject: Reject): void => {
  nextResolve = resolve;
  nextReject = reject;
};

export class Operations {
  readonly #resolves: (Resolve | undefined)[] = [];
  readonly #rejects: (Reject | undefined)[] = [];
  /** Of a message, where it goes. */
  readonly #topics: (string | undefined)[] = [];
  readonly #stored: boolean[] = [];
  readonly #free: number[] = [];
  readonly #signals = new Map<number, () => void>();
  #pending = 0;

  /** The number of the operation that `begin` made last. */
  last = 0;

  /** How many are not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** A new operation, of the number `last`. `topic`: it is a message; `stored`: it settles when it is stored. */
  begin<T>(topic: string | undefined, stored: boolean): Promise<T> {
    const number = this.#free.pop() ?? this.#resolves.length;
    const promise = new Promise<unknown>(executor);
    this.#resolves[number] = nextResolve;
    this.#rejects[number] = nextReject;
    this.#topics[number] = topic;
    this.#stored[number] = stored;
    this.#pending += 1;
    this.last = number;
    return promise as Promise<T>;
  }

  /** Rejects it when the signal is aborted, and then calls `cancel`. Its number stays taken until it settles. */
  abortable(number: number, signal: AbortSignal, cancel: (number: number) => void): void {
    const abort = () => {
      this.#signals.delete(number);
      this.#rejects[number]?.(signal.reason);
      this.#resolves[number] = undefined;
      this.#rejects[number] = undefined;
      cancel(number);
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#signals.set(number, () => signal.removeEventListener("abort", abort));
  }

  /** A message is over, well. */
  published(number: number, reasonCode: number): void {
    const resolve = this.#resolves[number];
    // Filters are answered with a code each.
    const codes = this.#topics[number] === undefined ? { reasonCodes: [reasonCode] } : { reasonCode };
    this.#end(number);
    resolve?.(codes);
  }

  /** A message is on the disk: the end of it, if that was all that was asked for. */
  stored(number: number): void {
    if (this.#stored[number]) this.published(number, 0);
  }

  /** It is over, with more to say. */
  succeeded(number: number, { reasonCodes }: MqttReasons, properties: object | undefined): void {
    const resolve = this.#resolves[number];
    const isMessage = this.#topics[number] !== undefined;
    this.#end(number);
    const [reasonCode = 0] = reasonCodes;
    if (!isMessage) resolve?.({ reasonCodes });
    else resolve?.(properties === undefined ? { reasonCode } : { reasonCode, properties });
  }

  /** It has failed; the topic of a message. */
  failed(number: number, error: unknown): string | undefined {
    const reject = this.#rejects[number];
    const topic = this.#topics[number];
    this.#end(number);
    reject?.(error);
    return topic;
  }

  /** Nothing is heard of any of them any more. */
  failAll(error: unknown): void {
    for (let number = 0; number < this.#resolves.length; number++) {
      const reject = this.#rejects[number];
      if (reject !== undefined) {
        this.#end(number);
        reject(error);
      }
    }
  }

  #end(number: number): void {
    this.#resolves[number] = undefined;
    this.#rejects[number] = undefined;
    this.#topics[number] = undefined;
    this.#free.push(number);
    this.#pending -= 1;
    if (this.#signals.size > 0) {
      this.#signals.get(number)?.();
      this.#signals.delete(number);
    }
  }
}
