// How late the event loop runs while a token signs handshakes, and while a PIN callback takes its time.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { RefreshableSession } from "../../dist/index.mjs";

const { options, handshakes, rounds } = JSON.parse(process.argv[2]);

async function longest(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6;
}

async function sign(times) {
  for (let n = 0; n < times; n++) {
    const session = new RefreshableSession(options);
    await session.credentials();
    await session.close();
  }
}

await sign(5);
const signing = [];
for (let round = 0; round < rounds; round++) signing.push(await longest(() => sign(handshakes)));

let asked = 0;
const waiting = await longest(async () => {
  const userPin = () => {
    asked++;
    return new Promise((resolve) => setTimeout(resolve, 300, options.pkcs11.userPin));
  };
  const session = new RefreshableSession({ ...options, pkcs11: { ...options.pkcs11, userPin } });
  await session.credentials();
  await session.close();
});
console.log(JSON.stringify({ signing, waiting, asked }));
