// Loads the package both ways, in a worker too, and gets credentials. For runtimes that the test runner does not know.

import { createRequire } from "node:module";
import { isMainThread, Worker } from "node:worker_threads";
import * as imported from "refresh-session";

const required = createRequire(import.meta.url)("refresh-session");
if (required.RefreshableSession !== imported.RefreshableSession) throw new Error("there are two of them");
const session = new required.RefreshableSession({
  method: "custom",
  customCredentials: () => ({
    access_key: "AKIA",
    secret_key: "s",
    token: "t",
    expiry_time: new Date(Date.now() + 3.6e6),
  }),
});
const { accessKeyId } = await session.credentials();
await session.close();
if (accessKeyId !== "AKIA") throw new Error(`these are other keys: ${accessKeyId}`);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  await new Promise((resolve, reject) => worker.on("error", reject).on("exit", resolve));
  console.log("main thread and worker: ok");
}
