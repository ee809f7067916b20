// A thread with a session, and what it is told to do with it. Answers every order with `{ done, … }`.

import { parentPort, workerData } from "node:worker_threads";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { RefreshableSession } from "../../dist/index.mjs";

const { options, endpoint } = workerData;
const session = new RefreshableSession(options);

const identityOf = ({ accessKeyId, secretAccessKey, sessionToken, expiration }) =>
  [accessKeyId, secretAccessKey, sessionToken, expiration.getTime()].join(" ");

const orders = {
  /** Operations of real clients, all at once. */
  async operate({ clients, operations }) {
    const made = Array.from(
      { length: clients },
      () => new STSClient({ region: "eu-west-1", endpoint, credentials: session.credentials }),
    );
    const all = Array.from({ length: operations }, (_, n) =>
      made[n % clients].send(new GetCallerIdentityCommand({})).then(({ Arn }) => Arn),
    );
    const arns = new Set(await Promise.all(all));
    for (const client of made) client.destroy();
    return { arns: [...arns], triple: identityOf(await session.credentials()) };
  },
  /** So many reads, a few at a time; which sets of keys were seen, and how often they changed. */
  async read({ reads }) {
    const seen = new Map();
    let changes = 0;
    let last;
    for (let n = 0; n < reads; n += 8) {
      for (const keys of await Promise.all(Array.from({ length: 8 }, () => session.credentials()))) {
        const triple = identityOf(keys);
        seen.set(triple, (seen.get(triple) ?? 0) + 1);
        if (last !== undefined && triple !== last) changes++;
        last = triple;
      }
      // Lets the loop turn, as a program's own work does.
      if (n % 32 === 0) await new Promise(setImmediate);
    }
    return { seen: [...seen], changes };
  },
  credentials: async () => ({ triple: identityOf(await session.credentials()) }),
  async rejected() {
    return session.credentials().then(
      () => ({ code: "none" }),
      ({ code }) => ({ code }),
    );
  },
  async close() {
    await session.close();
    return {};
  },
  async end() {
    await session.close();
    parentPort.close();
    return {};
  },
};

parentPort.on("message", async ({ order, ...fields }) => {
  try {
    parentPort.postMessage({ done: order, ...(await orders[order](fields)) });
  } catch ({ name, code, message }) {
    parentPort.postMessage({ done: order, failure: `${name} ${code}: ${message}` });
  }
});
parentPort.postMessage({ done: "start" });
