/** The messages of a connection as an async iterable, with a bounded buffer. */

import type { MqttMessage } from "./types";

/** More waiting messages than that hold up the connection. */
export const WAITING_AT_MOST = 256;

/** A QoS 1 message in the buffers of iterators: acknowledged when the last of them has given it out. */
export class Hold {
  #holders = 0;
  readonly #release: () => void;

  constructor(release: () => void) {
    this.#release = release;
  }

  take(): void {
    this.#holders += 1;
  }

  let(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#release();
  }
}

/** What an iterator tells its connection. */
export interface Owner {
  /** It has room again. */
  roomy(): void;
  detach(messages: Messages): void;
}

interface Waiting {
  message: MqttMessage;
  hold: Hold | undefined;
}

type Take = (result: IteratorResult<MqttMessage, undefined>) => void;

export class Messages implements AsyncIterableIterator<MqttMessage, undefined, undefined> {
  readonly #owner: Owner;
  readonly #wants: (topic: string) => boolean;
  #waiting: Waiting[] = [];
  /** The first of `#waiting` that is not given out. */
  #next = 0;
  #takers: Take[] = [];
  #ended = false;

  constructor(owner: Owner, wants: (topic: string) => boolean) {
    this.#owner = owner;
    this.#wants = wants;
  }

  get full(): boolean {
    return this.#waiting.length - this.#next >= WAITING_AT_MOST;
  }

  wants(topic: string): boolean {
    return this.#wants(topic);
  }

  push(message: MqttMessage, hold: Hold | undefined): void {
    const taker = this.#takers.shift();
    hold?.take();
    if (taker === undefined) {
      this.#waiting.push({ message, hold });
    } else {
      taker({ value: message, done: false });
      hold?.let();
    }
  }

  next(): Promise<IteratorResult<MqttMessage, undefined>> {
    const waiting = this.#waiting[this.#next];
    if (waiting !== undefined) {
      const wasFull = this.full;
      this.#next += 1;
      if (this.#next === this.#waiting.length || this.#next >= WAITING_AT_MOST) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
      waiting.hold?.let();
      if (wasFull) this.#owner.roomy();
      return Promise.resolve({ value: waiting.message, done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  /** Ends it: what waits is not given out. */
  return(): Promise<IteratorResult<MqttMessage, undefined>> {
    const left = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    this.#owner.detach(this);
    this.end();
    for (const { hold } of left) hold?.let();
    this.#owner.roomy();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Nothing comes any more; what waits is given out. */
  end(): void {
    this.#ended = true;
    for (const take of this.#takers) take({ value: undefined, done: true });
    this.#takers = [];
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
