/** Who gets which messages. */

import { type Filter, matches, parseFilter } from "./topics";
import type { MqttHandler, MqttMessage } from "./types";

export class Handlers {
  /** By filter, as it was subscribed to. */
  readonly #all = new Map<string, { filter: Filter; handlers: Set<MqttHandler> }>();
  /** By topic: the filters without wildcards. */
  readonly #exact = new Map<string, Set<MqttHandler>[]>();
  #wild: { filter: Filter; handlers: Set<MqttHandler> }[] = [];

  /** Whether it was not there. */
  add(filter: string, handler: MqttHandler): boolean {
    let entry = this.#all.get(filter);
    if (entry === undefined) {
      entry = { filter: parseFilter(filter), handlers: new Set() };
      this.#all.set(filter, entry);
      this.#sort();
    }
    if (entry.handlers.has(handler)) return false;
    entry.handlers.add(handler);
    return true;
  }

  /** Without `handler`: all of the filter. */
  delete(filter: string, handler?: MqttHandler): void {
    const entry = this.#all.get(filter);
    if (entry === undefined) return;
    if (handler !== undefined) entry.handlers.delete(handler);
    if (handler !== undefined && entry.handlers.size > 0) return;
    this.#all.delete(filter);
    this.#sort();
  }

  /** Calls each handler whose filters mean the message once; `failed` gets what it throws. */
  call(message: MqttMessage, failed: (thrown: unknown) => void): void {
    if (this.#all.size === 0) return;
    for (const handler of this.#of(message.topic)) {
      try {
        handler(message);
      } catch (thrown) {
        failed(thrown);
      }
    }
  }

  #of(topic: string): Iterable<MqttHandler> {
    const found = this.#exact.get(topic)?.slice() ?? [];
    if (this.#wild.length > 0) {
      const levels = topic.split("/");
      for (const { filter, handlers } of this.#wild) {
        if (matches(filter, topic, levels)) found.push(handlers);
      }
    }
    // A copy: a handler may subscribe and unsubscribe.
    return found.length === 1 ? [...(found[0] as Set<MqttHandler>)] : new Set(found.flatMap((each) => [...each]));
  }

  #sort(): void {
    this.#exact.clear();
    this.#wild = [];
    for (const entry of this.#all.values()) {
      if (entry.filter.wild) {
        this.#wild.push(entry);
      } else {
        const same = this.#exact.get(entry.filter.topic);
        if (same === undefined) this.#exact.set(entry.filter.topic, [entry.handlers]);
        else same.push(entry.handlers);
      }
    }
  }
}
