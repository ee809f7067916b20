// A thread with a `FetchLoop`. Answers "fresh" and "stop".

import { parentPort, workerData } from "node:worker_threads";
import { FetchLoop } from "../support/fetch-loop.mjs";

const loop = new FetchLoop(workerData);
parentPort.on("message", async (order) => {
  parentPort.postMessage(await loop[order]());
  if (order === "stop") parentPort.close();
});
