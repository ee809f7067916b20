// A minute on a bad link, 100 messages a second: resets, stalls, outages, latency that a seed decides. Nothing is lost, nothing
// stays unsettled, nothing grows.
//
// `SOAK_SECONDS` makes it longer, `SOAK_SEED` repeats a run; `node bench/mqtt/soak.mjs` tells more.

import test from "ava";
import { hasBroker } from "../bench/mqtt/broker.mjs";
import { soak } from "../bench/mqtt/soak.mjs";
// No proxy of this machine's.
import "./support/testbed.mjs";

const SECONDS = Number(process.env.SOAK_SECONDS ?? 60);
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 32));
/** What a slope may look like that is none: after a quarter of the time the heap still finds its size. */
const KIB_PER_MINUTE = 8192;

(hasBroker() ? test : test.skip)(`${SECONDS} seconds at 100 messages a second over a bad link`, async (t) => {
  t.timeout((SECONDS + 180) * 1000);
  const { refusals, faults, rssKiBPerMinute, ...counts } = await soak({ seconds: SECONDS, rate: 100, seed: SEED });
  t.log(`SOAK_SEED=${SEED} ${JSON.stringify({ ...counts, faults, rssKiBPerMinute })}`);
  t.like(counts, { lost: 0, refused: 0, unsettled: 0, outOfOrder: 0 }, JSON.stringify(refusals));
  t.is(counts.arrived, counts.sent);
  t.is(counts.acknowledged, counts.sent);
  t.true(counts.sent >= 0.9 * 100 * SECONDS, `${counts.sent} sent`);
  // It was no good link.
  t.true(counts.reconnects > 0);
  t.true(rssKiBPerMinute < KIB_PER_MINUTE, `${rssKiBPerMinute} KiB a minute`);
});
