/**
 * Messages that came, on their way to whoever wants them: the event's listeners, handlers, iterators.
 *
 * The native side leaves every acknowledgement to this one. A message of QoS 1 is acknowledged when the user does it, or
 * else when the last who wanted it has it: so the server's own window bounds what waits here.
 */

import type { NativeMqttEvent } from "../binding";
import { MqttError } from "../errors";
import { Handlers } from "./handlers";
import { Hold, Messages } from "./Messages";
import { type Acknowledge, Message } from "./message";
import { matches, parseFilter } from "./topics";
import type { MqttMessage } from "./types";

/** Whose messages they are. */
export interface Receiver {
  /** `message.ack()` acknowledges. */
  readonly manual: boolean;
  acknowledge: Acknowledge;
  /** To the event's listeners. */
  emit(message: MqttMessage): void;
  dropped(topic: string, error: Error): void;
  /** A handler has thrown. */
  thrown(failure: unknown): void;
  /** Whether an operation waits for its answer, which comes by the same way. */
  waits(): boolean;
  /** There is room again. */
  roomy(): void;
}

export class Inbox {
  readonly handlers = new Handlers();
  readonly #receiver: Receiver;
  readonly #iterators = new Set<Messages>();
  readonly #thrown: (failure: unknown) => void;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
    this.#thrown = (failure) => receiver.thrown(failure);
  }

  /** A consumer has more than it can do, and nobody needs what may come behind. */
  get congested(): boolean {
    if (this.#iterators.size === 0 || this.#receiver.waits()) return false;
    for (const iterator of this.#iterators) {
      if (iterator.full) return true;
    }
    return false;
  }

  /** Those that `filter` means, or all. */
  iterator(filter: string | undefined): Messages {
    const parsed = filter === undefined ? undefined : parseFilter(filter);
    const wants = (topic: string) => parsed === undefined || matches(parsed, topic, topic.split("/"));
    const owner = {
      roomy: () => this.#receiver.roomy(),
      detach: (messages: Messages) => this.#iterators.delete(messages),
    };
    const messages = new Messages(owner, wants);
    this.#iterators.add(messages);
    return messages;
  }

  /** Nothing comes any more. */
  end(): void {
    for (const iterator of this.#iterators) iterator.end();
    this.#iterators.clear();
  }

  /** `number`: to acknowledge it by; -1 if it needs none. */
  message(
    topic: string,
    payload: Buffer,
    qos: 0 | 1,
    retain: boolean,
    dup: boolean,
    event: NativeMqttEvent | undefined,
    number: number,
  ): void {
    const { manual, acknowledge } = this.#receiver;
    const acknowledged = number >= 0;
    const byUser = manual && acknowledged ? acknowledge : undefined;
    const message = new Message(topic, payload, qos, retain, dup, event, number, byUser);
    this.#receiver.emit(message);
    this.handlers.call(message, this.#thrown);
    const kept = this.#iterators.size > 0 && this.#offer(message, acknowledged && !manual ? number : -1);
    if (acknowledged && !manual && !kept) acknowledge(number, 0);
  }

  /** To the iterators; whether one of them keeps it, and will acknowledge it. */
  #offer(message: MqttMessage, number: number): boolean {
    const wanting = [...this.#iterators].filter((iterator) => iterator.wants(message.topic));
    if (wanting.length === 0) return false;
    const hold = number < 0 ? undefined : new Hold(() => this.#receiver.acknowledge(number, 0));
    // Not released before all have it.
    hold?.take();
    // A portion that was fetched while there was room may go beyond it; what is fetched in spite of that may not.
    const bounded = message.qos === 0 && this.#receiver.waits();
    for (const iterator of wanting) {
      if (bounded && iterator.full) this.#receiver.dropped(message.topic, overflow());
      else iterator.push(message, hold);
    }
    hold?.let();
    return hold !== undefined;
  }
}

function overflow(): MqttError {
  return new MqttError({
    code: "ERR_MQTT_DROPPED",
    message: "an iterator of `messages` was full when a message of QoS 0 came",
    hint: "Take messages faster, or subscribe with QoS 1: then the server keeps them meanwhile.",
    retryable: true,
  });
}
