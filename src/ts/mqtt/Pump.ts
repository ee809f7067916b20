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

/** Room for 1024 messages or twice as many settlements. */
const WORDS = 4096;

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
    const found = this.#native.collect(words);
    if (typeof found === "number") {
      unpack(words, found & ~MORE, undefined, this.#side);
      return found < 0 || found >= MORE;
    }
    const beside = bare(found);
    if (isFailure(beside)) {
      this.#side.broken(beside);
      return false;
    }
    unpack(words, beside.length & ~MORE, beside, this.#side);
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

/** Whether a payload goes beside the batch. */
export function isLarge(payload: string | Uint8Array): boolean {
  return payload.length > LARGE;
}

function isFailure(found: NativeMqttBatch | NativeError): found is NativeError {
  return Object.hasOwn(found, "failed");
}
