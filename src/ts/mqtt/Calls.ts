/** Calls on their way to the native side: each gets a number and is packed, and some can be aborted. */

import type { NativeMqttEvent } from "../binding";
import type { RefreshError } from "../errors";
import type { Call } from "../options/mqttCalls";
import { ackProperties } from "./message";
import type { Operations } from "./operations";
import { isLarge, type Pump } from "./Pump";
import { NO_LIMIT, UNTIL_STORED } from "./packed";
import type { MqttPublished, MqttReasons } from "./types";

/** `timeoutMs` of subscribe and unsubscribe, if nobody says. */
const ASKING_MS = 60_000;

/** What a message ended by that nobody had a say in. */
const DROPPED: ReadonlySet<string> = new Set([
  "ERR_MQTT_QUEUE_FULL",
  "ERR_MQTT_DROPPED",
  "ERR_MQTT_EXPIRED",
  "ERR_CLOSED",
]);

export class Calls {
  readonly #operations: Operations;
  readonly #pump: Pick<Pump, "batch" | "written" | "flush">;
  readonly #timeoutMs: number | undefined;

  /** `timeoutMs`: of calls that have none of their own. */
  constructor(operations: Operations, pump: Pick<Pump, "batch" | "written" | "flush">, timeoutMs: number | undefined) {
    this.#operations = operations;
    this.#pump = pump;
    this.#timeoutMs = timeoutMs;
  }

  publish(
    topic: string,
    payload: string | Uint8Array,
    { flags, timeoutMs, signal, properties }: Call,
  ): Promise<MqttPublished> {
    const { batch } = this.#pump;
    const before = batch.length;
    const settled = this.#operations.begin<MqttPublished>(topic, (flags & UNTIL_STORED) !== 0);
    const { last } = this.#operations;
    const limit = timeoutMs ?? this.#timeoutMs ?? NO_LIMIT;
    const isBeside = isLarge(payload);
    let beside: Uint8Array | undefined;
    try {
      if (isBeside) beside = typeof payload === "string" ? Buffer.from(payload) : payload;
      batch.publish(last, flags, limit, topic, properties, payload, isBeside);
    } catch (failure) {
      this.#unpack(last, before, failure);
      return settled;
    }
    if (signal !== undefined) this.#abortable(last, signal);
    if (isBeside) this.#pump.flush(beside);
    else this.#pump.written();
    return settled;
  }

  /** Packs a question to the server, and waits for its answer. */
  ask({ timeoutMs, signal }: Call, pack: (operation: number, limitMs: number) => void): Promise<MqttReasons> {
    const before = this.#pump.batch.length;
    const answered = this.#operations.begin<MqttReasons>(undefined, false);
    const { last } = this.#operations;
    try {
      pack(last, timeoutMs ?? this.#timeoutMs ?? ASKING_MS);
    } catch (failure) {
      this.#unpack(last, before, failure);
      return answered;
    }
    this.#pump.written();
    if (signal !== undefined) this.#abortable(last, signal);
    return answered;
  }

  /** One is over, with more to say than a word. Gives the message that nobody had a say in the end of. */
  settled(
    { operation = 0, reasonCodes = [], properties }: NativeMqttEvent,
    error: RefreshError | undefined,
  ): { topic: string; error: RefreshError } | undefined {
    if (error === undefined) {
      this.#operations.succeeded(operation, { reasonCodes }, ackProperties(properties));
      return undefined;
    }
    const topic = this.#operations.failed(operation, error);
    return topic !== undefined && DROPPED.has(error.code) ? { topic, error } : undefined;
  }

  /** There was no memory for it, most likely: nothing of it is left, and its number is free again. */
  #unpack(operation: number, before: number, failure: unknown): void {
    this.#pump.batch.cut(before);
    this.#operations.failed(operation, failure);
  }

  #abortable(operation: number, signal: AbortSignal): void {
    this.#operations.abortable(operation, signal, (number) => {
      this.#pump.batch.cancel(number);
      this.#pump.written();
    });
  }
}
