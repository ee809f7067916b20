// What reaches the endpoint: how many requests on how many connections, where its answers are odd but good, where
// connections end between two of them, and where it fails.

import { once } from "node:events";
import test from "ava";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed();
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

const open = (t, options) => sessionFor(t, tb.pem("ec256", options));

// Odd but good: mode and parameters.
const harmless = [
  ["none", {}],
  ["large-body", { bytes: 2048 }],
  ["slow-headers", { ms: 10 }],
  ["date-skew", { seconds: -3600 }],
  ["date-skew", { seconds: 1800 }],
  ["date-missing", {}],
  ["age-header", { seconds: 86_400 }],
  ["bad-expiration", { value: "2099-01-01T02:00:00+02:00" }],
  ["bad-expiration", { value: "2099-01-01T00:00:00.123456Z" }],
  ["unknown-fields", {}],
  ["chunked", {}],
];

for (const [mode, params] of harmless) {
  test.serial(`${mode} ${JSON.stringify(params)} is no fault`, async (t) => {
    await tb.fault(mode, params);
    const session = open(t);
    const first = await session.credentials();
    t.regex(first.accessKeyId, /^ASIA/);
    t.true(first.expiration > new Date());
    await session.refresh({ force: true });
    t.not((await session.credentials()).accessKeyId, first.accessKeyId);
    // Well-formed answers leave the connection fit for the next request.
    t.is((await tb.log("connection")).length, 1);
  });
}

test.serial("an expiration with an offset is the same moment", async (t) => {
  await tb.fault("bad-expiration", { value: "2099-01-01T02:00:00+02:00" });
  t.deepEqual((await open(t).credentials()).expiration, new Date("2099-01-01T00:00:00Z"));
});

for (const offset of [3600, -3600]) {
  test.serial(`a server whose clock is ${offset} s off: keys last as long as it says, by its clock`, async (t) => {
    await tb.configure({ clockOffsetSeconds: offset });
    const session = open(t);
    const { accessKeyId, expiration } = await session.credentials();
    // An hour of life on a clock that is an hour off: a client is told the end by the clock that it will look at.
    const near = (date, expected) => t.true(Math.abs(date.getTime() - expected) < 60_000, `${date}`);
    near(expiration, Date.now() + 3_600_000);
    const { expiresAt, clockOffsetMs } = session.status();
    near(expiresAt, Date.now() + (3600 + offset) * 1000);
    t.true(Math.abs(clockOffsetMs - offset * 1000) < 5000, `${clockOffsetMs}`);
    t.is((await session.credentials()).accessKeyId, accessKeyId);
    t.is((await tb.log("request")).length, 1, "keys with an hour to live are not fetched twice");
  });
}

test.serial("an answer of HTTP/1.0 is taken, and the next request opens a new connection", async (t) => {
  await tb.fault("http10");
  const session = open(t);
  await session.credentials();
  await session.refresh({ force: true });
  t.is((await tb.log("connection")).length, 2);
});

test.serial("a redirect is not followed, not even to the same server", async (t) => {
  await tb.fault("redirect", { location: `https://${tb.iot.endpoint}/elsewhere` });
  await t.throwsAsync(open(t).credentials());
  t.deepEqual(
    (await tb.log("request")).map((request) => request.path),
    ["/role-aliases/gateway-role/credentials"],
  );
});

test.serial("a kept connection that the server has dropped costs nothing but a new one", async (t) => {
  const session = open(t);
  await session.credentials();
  // Often, because the news of the end and the next request race each other.
  for (let round = 1; round <= 20; round++) {
    await tb.control("POST", "/connections/drop");
    await t.notThrowsAsync(session.refresh({ force: true }), `round ${round}`);
  }
  t.is((await tb.log("connection")).length, 21);
});

test.serial("a reset of a kept connection before the reply is made good on a fresh one", async (t) => {
  const session = open(t);
  await session.credentials();
  await tb.fault("reset-at", { byte: 0 }, 1);
  await session.refresh({ force: true });
  t.is((await tb.log("connection")).length, 2);
});

test.serial("one fetch is tried, not many: the caller decides about more", async (t) => {
  await tb.fault("status", { code: 503 });
  await t.throwsAsync(open(t).credentials(), { code: "ERR_SERVICE_UNAVAILABLE" });
  t.is((await tb.log("request")).length, 1);
});

test.serial(
  "a source that keeps failing is left alone: reads repeat the error without contact, force asks",
  async (t) => {
    await tb.fault("status", { code: 503 });
    const session = open(t);
    const started = performance.now();
    const seen = new Set();
    for (let n = 0; n < 50; n++) {
      const error = await t.throwsAsync(session.credentials(), { code: "ERR_SERVICE_UNAVAILABLE" });
      seen.add(error.requestId);
    }
    const requested = await tb.log("request");
    // The first failure may be a hiccup; from the second on the shortest pause is a quarter of a second.
    t.true(requested.length >= 2);
    t.true(requested.length <= 2 + (performance.now() - started) / 250, `${requested.length} requests`);
    t.deepEqual(
      [...seen],
      requested.map(({ requestId }) => requestId),
      "what is repeated is the error of the last fetch",
    );

    await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_SERVICE_UNAVAILABLE" });
    t.is((await tb.log("request")).length, requested.length + 1);
    await tb.control("DELETE", "/faults");
    await session.refresh({ force: true });
    t.regex((await session.credentials()).accessKeyId, /^ASIA/);
  },
);

for (const retryAfter of [1, "Wed, 21 Oct 2015 07:28:00 GMT"]) {
  test.serial(`Retry-After: ${retryAfter}: an eager session asks again when it is over, and not before`, async (t) => {
    await tb.fault("status", { code: 503, retryAfter }, 1);
    const session = open(t, { refresh: "eager" });
    const refreshed = once(session, "refresh");
    await t.throwsAsync(session.credentials(), { code: "ERR_SERVICE_UNAVAILABLE" });
    const failed = performance.now();
    const [{ accessKeyId }] = await refreshed;
    const took = performance.now() - failed;
    t.true(took > 950, `${took} ms`);
    t.is((await session.credentials()).accessKeyId, accessKeyId);
    t.is((await tb.log("request")).length, 2);
  });
}

test.serial("all who wait for one failing fetch get its error", async (t) => {
  await tb.fault("slow-headers", { ms: 50 }, 1);
  const session = open(t, { timeoutMs: 100 });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => session.credentials()));
  t.deepEqual(
    outcomes.map((outcome) => outcome.reason?.code),
    Array(10).fill("ERR_TIMEOUT"),
  );
  t.is((await tb.log("request")).length, 1);
});
