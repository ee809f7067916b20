// A program that calls AWS without a pause while its source of credentials fails now and then.
//
//   node examples/outage.mjs OPTIONS.json SECONDS
//
// OPTIONS.json is as for examples/iot.mjs. The session is eager: keys are renewed by a timer, before they end. The
// client comes from the session: it shares sockets with others, and heals itself when a service calls its keys expired.

import { readFileSync } from "node:fs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { RefreshableSession } from "refresh-session";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const started = performance.now();
const until = started + Number(process.argv[3]) * 1000;

const session = new RefreshableSession({ ...options.session, refresh: "eager" });
session.on("refresh", ({ accessKeyId }) => say(`new keys ${accessKeyId}`));
session.on("refreshError", ({ code }) => say(`${code}: the keys held serve on, zone ${session.status().zone}`));
session.on("expired", ({ accessKeyId }) => say(`keys ${accessKeyId} have ended and nothing replaced them`));

let calls = 0;
let failed = 0;
await session.ready();
while (performance.now() < until) {
  const sts = session.client(STSClient, options.client);
  await sts.send(new GetCallerIdentityCommand({})).catch(() => failed++);
  calls++;
}
console.log(`  in all         ${calls} calls of AWS, ${failed} failed`);
await session.close();
process.exitCode = failed === 0 ? 0 : 1;

function say(what) {
  console.log(`  after ${((performance.now() - started) / 1000).toFixed(1).padStart(4)} s   ${what}`);
}
