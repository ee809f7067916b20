/** Which of two states of a shadow is the later one. */

/** What each of them bears. */
export interface Stamp {
  readonly version: number;
  readonly timestamp: number;
}

/** AWS begins to count again for a shadow that is made 48 hours after it was deleted: far above any disorder of messages. */
const BEGUN_AGAIN_SECONDS = 86_400;

/** Whether `next` is later than `known`: messages come more than once, and not always in order. */
export function isLater(next: Stamp, known: Stamp | undefined): boolean {
  if (known === undefined || next.version > known.version) return true;
  return next.timestamp > known.timestamp + BEGUN_AGAIN_SECONDS;
}
