/** Whether a connection is to be up, who waits until it is, and what holds the process meanwhile. */

import type { MqttConnected } from "./types";

interface Waiter {
  resolve: (connected: MqttConnected) => void;
  reject: (error: unknown) => void;
}

/** Connections that are to be up: nobody else need hold them. */
const held = new Set<object>();

/** The longest interval that Node knows: it is there to be there. */
const LONG_MS = 0x7fff_ffff;
const nothing = () => {};

export class Connecting {
  readonly #owner: object;
  readonly #stop: () => void;
  #waiters = new Set<Waiter>();
  #connected: MqttConnected | undefined;
  #wanted = false;
  /** It has been up since it is wanted. */
  #established = false;
  #hold: NodeJS.Timeout | undefined;

  /** `stop`: ends the attempts. */
  constructor(owner: object, stop: () => void) {
    this.#owner = owner;
    this.#stop = stop;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  /** What the server said, while it is up. */
  get connected(): MqttConnected | undefined {
    return this.#connected;
  }

  /** It is to be up; whether it was not before. */
  begin(): boolean {
    if (this.#wanted) return false;
    this.#wanted = true;
    this.#established = false;
    this.hold();
    return true;
  }

  /** Until it is up. */
  async wait(signal: AbortSignal | undefined): Promise<MqttConnected> {
    if (this.#connected !== undefined) return this.#connected;
    let waiter: Waiter | undefined;
    const outcome = new Promise<MqttConnected>((resolve, reject) => {
      waiter = { resolve, reject };
      this.#waiters.add(waiter);
    });
    if (signal === undefined || waiter === undefined) return outcome;
    const { reject } = waiter;
    const leaving = waiter;
    const abort = () => {
      this.#waiters.delete(leaving);
      reject(signal.reason);
      // Others may wait on.
      if (this.#waiters.size === 0 && !this.#established) this.end();
    };
    signal.addEventListener("abort", abort, { once: true });
    return outcome.finally(() => signal.removeEventListener("abort", abort));
  }

  up(connected: MqttConnected): void {
    this.#connected = connected;
    this.#established = true;
    for (const { resolve } of this.#take()) resolve(connected);
  }

  /** It is down, or an attempt has failed; `hopeless`: the next will too. */
  down(error: unknown, hopeless: boolean): void {
    this.#connected = undefined;
    if (!hopeless || this.#waiters.size === 0) return;
    this.reject(error);
    if (!this.#established) this.end();
  }

  /** It is not to be up any more. */
  end(): void {
    if (!this.#wanted) return;
    const wasUp = this.#connected !== undefined;
    this.#wanted = false;
    // Who connects again meanwhile waits for the next one.
    this.#connected = undefined;
    this.#stop();
    if (!wasUp) this.letGo();
  }

  reject(error: unknown): void {
    for (const { reject } of this.#take()) reject(error);
  }

  /** Keeps the process, and the connection. */
  hold(): void {
    this.#hold ??= setInterval(nothing, LONG_MS);
    held.add(this.#owner);
  }

  letGo(): void {
    clearInterval(this.#hold);
    this.#hold = undefined;
    held.delete(this.#owner);
  }

  #take(): Set<Waiter> {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    return waiters;
  }
}
