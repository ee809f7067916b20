// Listeners that throw, that exit, or that are not there. Prints a line for each thing that happens.

import { once } from "node:events";
import { RefreshableSession } from "../../dist/index.mjs";

const { mode, event, iot } = JSON.parse(process.argv[2]);

const keys = (ms) => ({ accessKeyId: "ASIATEST", secretAccessKey: "s", expiration: new Date(Date.now() + ms) });
let give = () => keys(3_600_000);
const session = new RefreshableSession(
  event === "warning"
    ? { ...iot, onWarning() {} }
    : { method: "custom", customCredentials: async () => give(), timeoutMs: 5000 },
);

/** What has the session tell of each event. */
const occasions = {
  refresh: () => session.ready(),
  refreshError: () => {
    give = () => Promise.reject(new Error("away"));
    return session.ready().catch(() => {});
  },
  expired: () => {
    give = () => keys(300);
    return session.ready();
  },
  warning: async () => {},
  close: () => session.close(),
};

if (mode === "unlistened") {
  give = () => Promise.reject(new Error("away"));
  await session.ready().catch(({ code }) => console.log(code));
  give = () => keys(3_600_000);
  await session.refresh({ force: true });
  give = () => Promise.reject(new Error("away"));
  await session.refresh({ force: true }).catch(() => {});
  // Events come in a later turn.
  await new Promise(setImmediate);
  if ((await session.credentials()).accessKeyId === "ASIATEST") console.log("served");
} else {
  // Nothing of the session's holds the process: an event that is waited for must.
  const holding = setInterval(() => {}, 1000);
  session.on(event, () => {
    clearInterval(holding);
    if (mode === "exits") process.exit(7);
    throw new Error("thrown by a listener");
  });
  const uncaught = once(process, mode === "caught" ? "uncaughtException" : "never");
  await occasions[event]();
  const [error] = await uncaught;
  console.log(`uncaught: ${error.message}`);
  give = () => keys(3_600_000);
  if (event !== "close") await session.ready();
  if (session.status().zone === (event === "close" ? "closed" : "fresh")) console.log("works on");
}
await session.close().catch(() => {});
console.log("done");
