// What the messages of `mqtt-durability.test.mjs` hold: known to who publishes them and to who looks at what arrived.

import { createHash } from "node:crypto";

/** The payload of this number: now and then nothing at all, or so much that the log's files are changed soon. */
export function payloadOf(life, number) {
  const at = life * 31 + number * 7;
  const bytes = at % 97 === 0 ? 60_000 : at % 11 === 0 ? 0 : (at % 13) * 100;
  return `${life}/${number}/`.repeat(Math.ceil(bytes / 4)).slice(0, bytes);
}

/** As the broker gives it. */
export const digestOf = (life, number) => createHash("sha256").update(payloadOf(life, number)).digest("hex");
