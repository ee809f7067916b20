/** Who gets which messages. */

import { type Filter, matches, parseFilter } from "./topics";
import type { MqttHandler, MqttMessage } from "./types";

/** Topics of which is known who gets their messages, at most. */
const KNOWN_TOPICS = 64;

interface Entry {
  readonly filter: Filter;
  /** Never changed but replaced: a handler may subscribe and unsubscribe while they are called. */
  handlers: readonly MqttHandler[];
}

export class Handlers {
  /** By filter, as it was subscribed to. */
  readonly #all = new Map<string, Entry>();
  /** By topic: the filters without wildcards. */
  readonly #exact = new Map<string, Entry[]>();
  #wild: Entry[] = [];
  /** Who gets the messages of a topic, as long as nothing changes. */
  readonly #known = new Map<string, readonly MqttHandler[]>();

  /** Whether it was not there. */
  add(filter: string, handler: MqttHandler): boolean {
    let entry = this.#all.get(filter);
    if (entry === undefined) {
      entry = { filter: parseFilter(filter), handlers: [] };
      this.#all.set(filter, entry);
      this.#sort();
    }
    if (entry.handlers.includes(handler)) return false;
    entry.handlers = [...entry.handlers, handler];
    this.#known.clear();
    return true;
  }

  /** Without `handler`: all of the filter. */
  delete(filter: string, handler?: MqttHandler): void {
    const entry = this.#all.get(filter);
    if (entry === undefined) return;
    entry.handlers = handler === undefined ? [] : entry.handlers.filter((other) => other !== handler);
    this.#known.clear();
    if (entry.handlers.length > 0) return;
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

  #of(topic: string): readonly MqttHandler[] {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const levels = topic.split("/");
    const wild = this.#wild.filter(({ filter }) => matches(filter, topic, levels));
    const found = [...(this.#exact.get(topic) ?? []), ...wild];
    const all = [...new Set(found.flatMap(({ handlers }) => handlers))];
    if (this.#known.size >= KNOWN_TOPICS) this.#known.clear();
    this.#known.set(topic, all);
    return all;
  }

  #sort(): void {
    this.#exact.clear();
    this.#wild = [];
    for (const entry of this.#all.values()) {
      const { wild, topic } = entry.filter;
      if (wild) this.#wild.push(entry);
      else this.#exact.set(topic, [...(this.#exact.get(topic) ?? []), entry]);
    }
  }
}
