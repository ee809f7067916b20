// What a bad link does, and when: a script that a seed decides.

import { random } from "./random.mjs";

/**
 * Without end: `{ afterMs, kind, forMs, latencyMs }`. Between two events the link is good, with `latencyMs` each way.
 *
 * `latency`: another latency, until the next one. `stall`: nothing moves, in either direction. `deaf`: what the client says arrives,
 * what it is told does not; then the connection is reset, so what was acknowledged must be sent again. `reset`: all
 * connections end at once. `outage`: the same, and new ones are reset as well, for a while.
 */
export function* weather(seed) {
  const draw = random(seed);
  const between = (least, most) => Math.round(least + draw() * (most - least));
  const kinds = ["latency", "latency", "stall", "deaf", "reset", "reset", "outage"];
  const lengths = { latency: [0, 0], stall: [200, 4_000], deaf: [100, 2_000], reset: [0, 0], outage: [200, 3_000] };
  let latencyMs = 0;
  for (;;) {
    const kind = kinds[Math.floor(draw() * kinds.length)];
    if (kind === "latency") latencyMs = between(0, 200);
    yield { afterMs: between(1_000, 7_000), kind, forMs: between(...lengths[kind]), latencyMs };
  }
}
