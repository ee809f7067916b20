// One worker thread with one session: fetches, says so, and does what `ending` says.

import { parentPort, workerData } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";

const { options, ending } = workerData;
if (ending === "asking") {
  options.pkcs11.userPin = () => {
    parentPort.postMessage("asked");
    return new Promise(() => {});
  };
}
parentPort.postMessage("started");
const session = new RefreshableSession(options);
const { accessKeyId } = await session.credentials();
parentPort.postMessage(accessKeyId);
if (ending === "close") await session.close();
// A listener keeps the worker until it is terminated.
if (ending === "stay") parentPort.on("message", () => {});
