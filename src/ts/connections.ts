import type { MqttConnection } from "./mqtt/MqttConnection";

/** The connections of a session, to be closed with it. Weak: one that nobody connects or holds may go. */
export class Connections {
  readonly #all = new Set<WeakRef<MqttConnection>>();

  add(connection: MqttConnection): void {
    for (const weak of this.#all) {
      const held = weak.deref();
      if (held === undefined || held.closed) this.#all.delete(weak);
    }
    this.#all.add(new WeakRef(connection));
  }

  async close(): Promise<void> {
    const closing = [...this.#all].map((weak) => weak.deref()?.close());
    this.#all.clear();
    await Promise.all(closing);
  }
}
