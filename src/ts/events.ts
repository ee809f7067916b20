import { EventEmitter } from "node:events";
import type { SessionEventMap } from "./types";

type Listener<K extends keyof SessionEventMap> = (...args: SessionEventMap[K]) => void;

/** Node's EventEmitter with the events of a session. Written out, so that the types do not need those of Node. */
export interface SessionEmitter {
  on<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  once<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  off<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  addListener<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  removeListener<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  removeAllListeners(event?: keyof SessionEventMap): this;
  prependListener<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  prependOnceListener<K extends keyof SessionEventMap>(event: K, listener: Listener<K>): this;
  emit<K extends keyof SessionEventMap>(event: K, ...args: SessionEventMap[K]): boolean;
  listenerCount(event: keyof SessionEventMap): number;
  // biome-ignore lint/complexity/noBannedTypes: as Node types it
  listeners(event: keyof SessionEventMap): Function[];
  // biome-ignore lint/complexity/noBannedTypes: as Node types it
  rawListeners(event: keyof SessionEventMap): Function[];
  eventNames(): (string | symbol)[];
  setMaxListeners(count: number): this;
  getMaxListeners(): number;
}

/** What a session extends. */
export const SessionEvents = EventEmitter as unknown as new () => SessionEmitter;
