/**
 * Commands and deliveries in packed form. `src/native/mqtt/packed.rs` is the other half, with the tables of both.
 */

import type { NativeMqttBatch, NativeMqttEvent } from "../binding";
import type { MqttPublishProperties, MqttUserProperties } from "./types";

/** No limit. */
export const NO_LIMIT = 0xffff_ffff;

/** A payload over that is handed over by itself. */
export const LARGE = 16 * 1024;

/** Flags of a message to be sent. */
export const QOS_1 = 1;
export const RETAIN = 2;
export const UNTIL_STORED = 4;
const PROPERTIES = 8;
const BESIDE = 16;

/** Flags of a filter; retain handling stands above them. */
export const NO_LOCAL = 2;
export const RETAIN_AS_PUBLISHED = 4;
export const RETAIN_HANDLING_SHIFT = 4;

const INITIAL_BYTES = 4096;
/** A buffer that grew beyond is not kept. */
const KEPT_BYTES = 256 * 1024;
/** Up to that, a loop is faster than a call into Node. */
const SHORT_TEXT = 64;

/** Commands that are not handed over yet. */
export class Batch {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** What was in it has been copied. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.alloc(0);
  }

  /** Takes back what came behind the first `length` bytes. */
  cut(length: number): void {
    this.#length = length;
  }

  connect(): void {
    this.#begin(1, 0);
  }

  disconnect(): void {
    this.#begin(2, 0);
  }

  close(drainMs: number): void {
    this.#begin(3, 4);
    this.#word(drainMs);
  }

  /** A payload that is `beside` is not packed. */
  publish(
    operation: number,
    flags: number,
    limitMs: number,
    topic: string,
    properties: MqttPublishProperties | undefined,
    payload: string | Uint8Array,
    beside: boolean,
  ): void {
    const most = beside ? 0 : typeof payload === "string" ? payload.length * 3 : payload.length;
    this.#begin(4, 17 + topic.length * 3 + most);
    this.#word(operation);
    this.#byte(flags | (properties === undefined ? 0 : PROPERTIES) | (beside ? BESIDE : 0));
    this.#word(limitMs);
    this.#text(topic);
    if (properties !== undefined) this.#properties(properties);
    if (beside) return;
    // The properties may have moved the buffer's end nearer.
    this.#reserve(4 + most);
    if (typeof payload === "string") this.#text(payload);
    else this.#data(payload);
  }

  subscribe(operation: number, limitMs: number, flags: number, filters: readonly string[]): void {
    this.#begin(5, 12);
    this.#word(operation);
    this.#word(limitMs);
    this.#word(filters.length);
    for (const filter of filters) {
      this.#reserve(5 + filter.length * 3);
      this.#byte(flags);
      this.#text(filter);
    }
  }

  unsubscribe(operation: number, limitMs: number, filters: readonly string[]): void {
    this.#begin(6, 12);
    this.#word(operation);
    this.#word(limitMs);
    this.#word(filters.length);
    for (const filter of filters) this.#roomyText(filter);
  }

  cancel(operation: number): void {
    this.#begin(7, 4);
    this.#word(operation);
  }

  acknowledge(message: number, reasonCode: number): void {
    this.#begin(8, 5);
    this.#word(message);
    this.#byte(reasonCode);
  }

  #begin(kind: number, room: number): void {
    this.#reserve(1 + room);
    this.#byte(kind);
  }

  #properties(given: MqttPublishProperties): void {
    const { payloadFormat, messageExpirySeconds, contentType, responseTopic, correlationData, userProperties } = given;
    const user = userProperties === undefined ? [] : pairs(userProperties);
    this.#reserve(5);
    this.#byte(
      (payloadFormat === undefined ? 0 : 1) |
        (messageExpirySeconds === undefined ? 0 : 2) |
        (contentType === undefined ? 0 : 4) |
        (responseTopic === undefined ? 0 : 8) |
        (correlationData === undefined ? 0 : 16) |
        (user.length === 0 ? 0 : 32),
    );
    if (messageExpirySeconds !== undefined) this.#word(messageExpirySeconds);
    if (contentType !== undefined) this.#roomyText(contentType);
    if (responseTopic !== undefined) this.#roomyText(responseTopic);
    if (correlationData !== undefined) {
      this.#reserve(4 + correlationData.length);
      this.#data(correlationData);
    }
    if (user.length === 0) return;
    this.#reserve(4);
    this.#word(user.length / 2);
    for (const text of user) this.#roomyText(text);
  }

  #roomyText(text: string): void {
    this.#reserve(4 + text.length * 3);
    this.#text(text);
  }

  /** From here on there is room, which the callers have seen to. */
  #text(text: string): void {
    const from = this.#length + 4;
    const length = text.length <= SHORT_TEXT ? this.#ascii(text, from) : -1;
    const written = length < 0 ? this.#bytes.write(text, from) : length;
    this.#word(written);
    this.#length += written;
  }

  /** Writes a short text; -1 if it is not ASCII. */
  #ascii(text: string, from: number): number {
    const bytes = this.#bytes;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) return -1;
      bytes[from + at] = code;
    }
    return text.length;
  }

  #data(data: Uint8Array): void {
    this.#word(data.length);
    this.#bytes.set(data, this.#length);
    this.#length += data.length;
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.#length = at + 4;
  }

  #byte(value: number): void {
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  #reserve(room: number): void {
    const wanted = this.#length + room;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, 2 * this.#bytes.length, wanted));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Names and values by turns. */
export function pairs(properties: MqttUserProperties): string[] {
  return Object.entries(properties).flatMap(([name, values]) =>
    typeof values === "string" ? [name, values] : values.flatMap((value) => [name, value]),
  );
}

/** Flags of a message that came. */
const CAME_RETAIN = 2;
const CAME_DUP = 4;
const CAME_LARGE = 8;
const CAME_PROPERTIES = 16;
const CAME_NUMBER = 32;

/** Who is told of deliveries. */
export interface Deliveries {
  settled(operation: number, reasonCode: number): void;
  stored(operation: number): void;
  /** `number`: to acknowledge it by; -1 if it needs none. */
  message(
    topic: string,
    payload: Buffer,
    qos: 0 | 1,
    retain: boolean,
    dup: boolean,
    properties: NativeMqttEvent | undefined,
    number: number,
  ): void;
  event(event: NativeMqttEvent): void;
}

/** Flag of a topic: it has come before, and its bytes do not come again. */
const KNOWN_TOPIC = 1 << 24;

/** What the words of a portion speak of. */
export interface Portion {
  /** How many words there are. */
  length: number;
  /** Where topics and payloads are, from `from` on. */
  bytes: Buffer;
  from: number;
  beside: NativeMqttBatch | undefined;
  /** Topics that have come, by the number that the native side gives them. */
  topics: string[];
}

/** Tells `to` of the deliveries in `words`. */
export function unpack(words: Uint32Array, portion: Portion, to: Deliveries): void {
  const { length, bytes, topics } = portion;
  const { large = [], rare = [] } = portion.beside ?? NOTHING;
  let [at, byte, nextLarge, nextRare] = [0, portion.from, 0, 0];
  while (at < length) {
    const head = words[at] as number;
    const kind = head & 0xff;
    if (kind === 1) {
      to.settled(words[at + 1] as number, head >>> 8);
      at += 2;
    } else if (kind === 2) {
      to.stored(words[at + 1] as number);
      at += 2;
    } else if (kind === 3) {
      const flags = head >>> 8;
      const named = words[at + 1] as number;
      const place = ((named >>> 16) & 0xff) - 1;
      let topic: string;
      if ((named & KNOWN_TOPIC) !== 0) {
        topic = topics[place] as string;
      } else {
        const end = byte + (named & 0xffff);
        topic = bytes.toString("utf8", byte, end);
        byte = end;
        if (place >= 0) topics[place] = topic;
      }
      let payload: Buffer;
      if ((flags & CAME_LARGE) !== 0) {
        payload = large[nextLarge++] as Buffer;
      } else {
        const end = byte + (words[at + 2] as number);
        payload = bytes.subarray(byte, end);
        byte = end;
      }
      const properties = (flags & CAME_PROPERTIES) === 0 ? undefined : rare[nextRare++];
      const number = (flags & CAME_NUMBER) === 0 ? -1 : (words[at + 3] as number);
      const qos = (flags & QOS_1) as 0 | 1;
      to.message(topic, payload, qos, (flags & CAME_RETAIN) !== 0, (flags & CAME_DUP) !== 0, properties, number);
      at += 4;
    } else {
      to.event(rare[nextRare++] as NativeMqttEvent);
      at += 1;
    }
  }
}

const NOTHING: Partial<NativeMqttBatch> = Object.freeze({});
