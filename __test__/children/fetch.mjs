// One session's life in a process that is left to end by itself. Prints a line of JSON for each thing that happens.

import { readdirSync, readFileSync } from "node:fs";
import { RefreshableSession } from "../../dist/index.mjs";
import { now } from "./run.mjs";

const { options, ending } = JSON.parse(process.argv[2]);
const print = (event, fields = {}) => console.log(JSON.stringify({ event, at: now(), ...fields }));

const endings = {
  /** The measure of the others: the library is loaded and nothing is done with it. */
  async bare() {},
  async close(session) {
    await session.credentials();
    await session.close();
  },
  async idle(session) {
    await session.credentials();
  },
  async rejected(session) {
    await session.credentials().catch(({ code }) => print("rejected", { code }));
  },
  async "closed in flight"(session) {
    const rejected = session.credentials().catch(({ code }) => print("rejected", { code }));
    process.once("message", () => session.close());
    print("fetching");
    await rejected;
  },
  async "exit in flight"(session) {
    session.credentials().catch(({ code }) => print("rejected", { code }));
    process.once("message", ({ exit }) => process.exit(exit));
    print("fetching");
    // Only `process.exit` is to end it.
    setInterval(() => {}, 1000);
    await new Promise(() => {});
  },
  async exit(session) {
    await session.credentials();
    process.exit(7);
  },
  async throw(session) {
    await session.credentials();
    throw new Error("the program's own mistake");
  },
  async children(session) {
    await session.credentials();
    print("children", { pids: children() });
  },
};

/** The processes that any thread of this one has started. */
function children() {
  return readdirSync("/proc/self/task")
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" "))
    .filter((pid) => pid !== "");
}

await endings[ending](ending === "bare" ? undefined : new RefreshableSession(options));
print("done");
