// What a signature pays for its credentials when they are at hand.

import { RefreshableSession } from "refresh-session";
import { median, table, timed, us } from "./measure.mjs";

const calls = 200_000;
const runs = 9;

export async function benchRead(aws, original) {
  const session = new RefreshableSession(aws.pem("ec256"));
  const { credentials } = session;
  const held = await credentials();
  const { accessKeyId, secretAccessKey, sessionToken } = held;
  const expirationMs = held.expiration.getTime();
  const contestants = {
    bare: async () => held,
    // What anybody would write: a check of the clock, and a copy, since SDK clients write to what they get.
    plain: async () =>
      expirationMs - Date.now() > 60_000
        ? { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(expirationMs) }
        : undefined,
    ours: credentials,
  };
  const spent = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, call] of Object.entries(contestants)) spent[name].push(await perCall(call));
  }
  await session.close();
  const { bare, plain, ours } = Object.fromEntries(Object.entries(spent).map(([name, all]) => [name, median(all)]));
  table(
    "Cached `await credentials()`",
    ["", `median of ${runs} runs`, "over the bare function", "bar"],
    [
      ["refresh-session", us(ours), us(ours - bare), "≤ 0.5 µs over it"],
      ["a plain JavaScript cache", us(plain), us(plain - bare), ""],
      ["a bare async function", us(bare), "", ""],
      ...(original === undefined
        ? []
        : [["boto3-refresh-session, `refreshable_credentials()`", us(original.cached), "", ""]]),
    ],
  );
}

async function perCall(call) {
  const time = await timed(async () => {
    for (let i = 0; i < calls; i++) await call();
  });
  return time / calls;
}
