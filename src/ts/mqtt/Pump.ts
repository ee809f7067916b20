/**
 * Moves batches between a connection and its native side.
 *
 * Commands of a turn of the event loop go over together, before it waits again. What has come up is fetched when the native
 * side says that there is something, a portion in a turn: a flood of messages does not stop everything else.
 */

import { bare } from "../bare";
import type { NativeError, NativeMqttBatch, NativeMqttConnection } from "../binding";
import { Batch, type Deliveries, LARGE, unpack } from "./packed";

/** A batch that is longer goes at once. */
const BATCH_BYTES = 64 * 1024;

/** Room for 1024 messages or twice as many settlements, and for the number of bytes that are in the slab. */
const WORDS = 4097;

/** As Node's own: a payload that is kept keeps so much, with the payloads that came next to it. */
const SLAB_BYTES = 8 * 1024;
/** With less room a slab is not used any more. */
const ROOM_AT_LEAST = 1024;

/** Of what `collect` gives: there is more. */
const MORE = 0x8000_0000;

/** Whose commands and deliveries they are. */
export interface Side extends Deliveries {
  /** Nothing should come for the time being. */
  congested(): boolean;
  /** The native side has failed: a defect. */
  broken(failure: NativeError): void;
}

/** Filled and read in one call: one for all pumps of the thread. */
let words: Uint32Array | undefined;
/** Where small messages are put, one after the other; what is filled is not written again. */
let slab: Buffer | undefined;
let filled = 0;

// Functions of no pump: scheduling one makes no closure.
let fetchLater: (pump: Pump) => void;
let flushDue: (pump: Pump) => void;

export class Pump {
  readonly batch = new Batch();
  readonly #native: NativeMqttConnection;
  readonly #side: Side;
  /** The batch goes at the end of this turn. */
  #due = false;
  /** There is something to fetch. */
  #ready = false;
  #fetching = false;
  /** The next portion is fetched in the next turn. */
  #later = false;
  /** Those that the native side need not tell again. */
  readonly #topics: string[] = [];

  constructor(native: NativeMqttConnection, side: Side) {
    this.#native = native;
    this.#side = side;
  }

  /** The batch has something to be handed over. */
  written(): void {
    if (this.batch.length >= BATCH_BYTES) {
      this.flush();
    } else if (!this.#due) {
      this.#due = true;
      process.nextTick(flushDue, this);
    }
  }

  /** Hands the batch over, with the payload that its last record has beside. */
  flush(beside?: Uint8Array): void {
    this.#due = false;
    const { batch } = this;
    if (batch.length === 0) return;
    const failure = this.#native.submit(batch.bytes, batch.length, beside);
    batch.clear();
    // What waits for its answer may have to be let in again.
    if (this.#ready) this.resume();
    if (failure !== undefined && failure !== null) this.#side.broken(bare(failure));
  }

  /** The native side has something. */
  wake(): void {
    this.#ready = true;
    this.#fetch();
  }

  /** What was congested may not be any more. */
  resume(): void {
    if (!this.#ready || this.#later) return;
    this.#later = true;
    setImmediate(fetchLater, this);
  }

  #fetch(): void {
    if (!this.#ready || this.#fetching || this.#side.congested()) return;
    this.#fetching = true;
    try {
      this.#ready = this.#portion();
    } finally {
      this.#fetching = false;
    }
    this.resume();
  }

  /** Deals with what is there, as much as one turn may take; whether there is more. */
  #portion(): boolean {
    words ??= new Uint32Array(WORDS);
    if (slab === undefined || slab.length - filled < ROOM_AT_LEAST) [slab, filled] = [newSlab(), 0];
    const [bytes, from] = [slab, filled];
    const found = this.#native.collect(words, bytes, from);
    filled += words[WORDS - 1] as number;
    const topics = this.#topics;
    if (typeof found === "number") {
      unpack(words, { length: found & ~MORE, bytes, from, beside: undefined, topics }, this.#side);
      return found < 0 || found >= MORE;
    }
    const beside = bare(found);
    if (isFailure(beside)) {
      this.#side.broken(beside);
      return false;
    }
    const length = beside.length & ~MORE;
    const own = beside.bytes;
    const portion = own === undefined ? { bytes, from } : { bytes: own, from: 0 };
    unpack(words, { length, ...portion, beside, topics }, this.#side);
    return beside.length >= MORE;
  }

  static {
    fetchLater = (pump) => {
      pump.#later = false;
      pump.#fetch();
    };
    flushDue = (pump) => {
      if (pump.#due) pump.flush();
    };
  }
}

/** One that no `structuredClone` takes away from the messages in it, as Node sees to with its own. */
function newSlab(): Buffer {
  const made = Buffer.allocUnsafeSlow(SLAB_BYTES);
  process.getBuiltinModule("node:worker_threads").markAsUntransferable(made.buffer);
  return made;
}

/** Whether a payload goes beside the batch. */
export function isLarge(payload: string | Uint8Array): boolean {
  return payload.length > LARGE;
}

function isFailure(found: NativeMqttBatch | NativeError): found is NativeError {
  return Object.hasOwn(found, "failed");
}
