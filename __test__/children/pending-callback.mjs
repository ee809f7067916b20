// A worker whose callback is called and never answers; it is terminated meanwhile.

import { parentPort } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";

const session = new RefreshableSession({
  method: "custom",
  // Over before the test is: what a dead thread leaves behind is seen by it.
  timeoutMs: 200,
  customCredentials: () => {
    parentPort.postMessage("called");
    return new Promise(() => {});
  },
});
parentPort.on("message", () => {});
session.credentials().catch(() => {});
