// Credentials from the testbed with a key in a file and with one in a token, for runtimes that the test runner does not know:
//
//   node __test__/children/iot.mjs deno run --allow-all
//
// The testbed is started by Node.js, and the runtime runs this file again: not each of them hands a variable that is set later
// to the C library, where SoftHSM looks for it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { RefreshableSession } from "refresh-session";
import { startTestbed } from "../support/testbed.mjs";

if (process.env.IOT_SESSIONS === undefined) await inRuntime(process.argv.slice(2));
else await fetchAll(JSON.parse(process.env.IOT_SESSIONS));

async function inRuntime([command = process.execPath, ...args]) {
  const bed = await startTestbed({ tokens: true });
  const sessions = { "key in a file": bed.pem(), "key in a token": bed.hsm() };
  const env = { ...process.env, IOT_SESSIONS: JSON.stringify(sessions) };
  const child = spawn(command, [...args, fileURLToPath(import.meta.url)], { env, stdio: "inherit" });
  [process.exitCode] = await once(child, "exit");
  await bed.stop();
}

async function fetchAll(sessions) {
  for (const [what, options] of Object.entries(sessions)) {
    const session = new RefreshableSession(options);
    const { accessKeyId } = await session.credentials();
    await session.close();
    if (!accessKeyId.startsWith("ASIA")) throw new Error(`these are no credentials: ${accessKeyId}`);
    console.log(`${what}: ok`);
  }
}
