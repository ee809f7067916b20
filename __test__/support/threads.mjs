// Worker threads with a session each: see `children/sharer.mjs`.

import { Worker } from "node:worker_threads";
import { heard } from "./waiting.mjs";

/** A thread with a session of these options; it ends with its test. */
export async function thread(t, options, bed) {
  const workerData = { options, endpoint: bed.sts.http };
  const worker = new Worker(new URL("../children/sharer.mjs", import.meta.url), { workerData });
  t.teardown(() => worker.terminate());
  const started = heard(worker, "message", 30_000);
  await started;
  return {
    worker,
    /** Carries out an order; gives the answer. */
    async order(order, fields = {}) {
      const answer = heard(worker, "message", 60_000);
      worker.postMessage({ order, ...fields });
      const { failure, ...rest } = await answer;
      if (failure !== undefined) throw new Error(failure);
      return rest;
    },
  };
}

/** So many of them. */
export const threads = (t, count, options, bed) =>
  Promise.all(Array.from({ length: count }, () => thread(t, options, bed)));
