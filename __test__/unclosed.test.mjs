// A program that forgets to close its sessions runs for months all the same.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { fromCustom, RefreshableSession } from "../dist/index.mjs";

const child = fileURLToPath(new URL("children/unclosed.mjs", import.meta.url));

test("what nobody knows any more is collected: sessions, their timers, calls that never settle", async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", child]);
  const { sessions, count, signals, codes } = JSON.parse(stdout);
  t.deepEqual(sessions, { collected: count, timers: 0 });
  t.true(signals, "the signals of calls that were given up");
  t.deepEqual(codes, ["ERR_TIMEOUT"]);
});

test("close takes effect at once, before it has been waited for", async (t) => {
  const keys = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "s", expiration: new Date(Date.now() + 3_600_000) };
  for (let i = 0; i < 50; i++) {
    const session = new RefreshableSession({ method: "custom", customCredentials: () => keys });
    await session.ready();
    const closed = session.close();
    t.is(session.status().zone, "closed");
    t.false(session.invalidate(keys.accessKeyId));
    await t.throwsAsync(session.credentials(), { code: "ERR_CLOSED" });
    await closed;
  }
});

for (const [name, value] of Object.entries({
  keys: { accessKeyId: "EVIL", secretAccessKey: "evil" },
  failure: { bad: true, message: "evil", hint: "evil", retryable: false },
  sessionToken: "evil",
  expirationMs: 1,
  accountId: "666",
  hint: "evil",
  cause: "evil",
})) {
  test.serial(`a polluted Object.prototype.${name} reaches nobody`, async (t) => {
    const good = fromCustom(() => ({ accessKeyId: "ASIAGOOD", secretAccessKey: "s" }));
    const bad = fromCustom(() => null);
    let given;
    let error;
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false });
    try {
      given = await good();
      error = await bad().catch((caught) => caught);
    } finally {
      delete Object.prototype[name];
    }
    t.deepEqual(Object.keys(given), ["accessKeyId", "secretAccessKey"]);
    t.is(given.accessKeyId, "ASIAGOOD");
    t.is(error.code, "ERR_BAD_CREDENTIALS");
    t.notRegex(`${error.message} ${error.hint} ${error.cause}`, /evil/);
  });
}
