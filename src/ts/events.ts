import { EventEmitter } from "node:events";
import type { MqttEventMap } from "./mqtt/types";
import type { SessionEventMap } from "./types";

/** Node's EventEmitter with the events of `M`. Written out, so that the types do not need those of Node. */
export interface Emitter<M extends { [K in keyof M]: unknown[] }> {
  on<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  once<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  off<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  addListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  removeListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  removeAllListeners(event?: keyof M): this;
  prependListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  prependOnceListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
  emit<K extends keyof M>(event: K, ...args: M[K]): boolean;
  listenerCount(event: keyof M): number;
  // biome-ignore lint/complexity/noBannedTypes: as Node types it
  listeners(event: keyof M): Function[];
  // biome-ignore lint/complexity/noBannedTypes: as Node types it
  rawListeners(event: keyof M): Function[];
  eventNames(): (string | symbol)[];
  setMaxListeners(count: number): this;
  getMaxListeners(): number;
}

/** What a session extends. */
export const SessionEvents = EventEmitter as unknown as new () => Emitter<SessionEventMap>;

/** What an MQTT connection extends. */
export const MqttEvents = EventEmitter as unknown as new () => Emitter<MqttEventMap>;
