// Keeps count of numbered messages in memory of a fixed size, so that what grows is not the counting.

const acknowledged = 1;
const refused = 2;
const arrived = 4;

/** For up to `most` messages, numbered from 0. */
export function tally(most) {
  const seen = new Uint8Array(most);
  const count = { sent: 0, acknowledged: 0, refused: 0, arrived: 0, duplicates: 0, outOfOrder: 0 };
  let highest = -1;
  const mark = (number, what) => {
    const isNew = (seen[number] & what) === 0;
    seen[number] |= what;
    return isNew;
  };
  const self = {
    /** Codes of errors, and how often each came. */
    refusals: {},
    get sent() {
      return count.sent;
    },
    /** The next number. */
    send: () => count.sent++,
    acknowledge(number) {
      if (mark(number, acknowledged)) count.acknowledged += 1;
    },
    refuse(number, { code, message }) {
      if (mark(number, refused)) count.refused += 1;
      const name = code ?? message;
      self.refusals[name] = (self.refusals[name] ?? 0) + 1;
    },
    arrive(number) {
      if (!mark(number, arrived)) {
        count.duplicates += 1;
        return;
      }
      count.arrived += 1;
      if (number < highest) count.outOfOrder += 1;
      highest = Math.max(highest, number);
    },
    /** Each has settled, and each that was not refused has arrived. */
    isComplete: () => count.acknowledged + count.refused === count.sent && missing() === 0,
    counts: () => ({ ...count, missing: missing(), unsettled: count.sent - count.acknowledged - count.refused }),
  };
  return self;

  /** Neither refused nor arrived: on their way, or, once all is over, lost. */
  function missing() {
    let found = 0;
    for (let number = 0; number < count.sent; number++) if ((seen[number] & (refused | arrived)) === 0) found += 1;
    return found;
  }
}
