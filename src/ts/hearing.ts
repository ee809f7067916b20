import { bare } from "./bare";
import type { NativeEvent } from "./binding";

/** Hears of everything that happens; in a later turn of the event loop. */
export type Hear = (event: NativeEvent) => void;

/** Somebody who hears. */
interface Listening {
  hear: Hear;
}

/**
 * What the native side calls with an event, and a way to say for whom.
 *
 * The native side holds its function for as long as the session lives, and the session lives for as long as JavaScript
 * holds it: so the function must not hold the session, or one that nobody closes would never end.
 */
export function hearing(): { heard: Hear; follow(listening: Listening): void } {
  let weak: WeakRef<Listening> | undefined;
  return {
    heard: (event) => weak?.deref()?.hear(bare(event)),
    follow: (listening) => {
      weak = new WeakRef(listening);
    },
  };
}
