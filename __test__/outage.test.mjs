// The source goes away while clients of every SDK version are at work; and the local clock is wrong all the time.
//
// Every test has a local AWS of its own, so that they can run side by side.

import test from "ava";
import { matrix, requestsOf } from "./support/sdk-matrix.mjs";
import { sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { heard, listening, until } from "./support/waiting.mjs";

const LIFE_SECONDS = 9;

async function bedFor(t, config = {}) {
  const bed = await startTestbed();
  t.teardown(() => bed.stop());
  await bed.configure(config);
  await bed.control("PUT", "/aliases/brief-role", { durationSeconds: LIFE_SECONDS });
  return bed;
}

const faults = {
  "refuses connections": {
    code: "ERR_CONNECTION_LOST|ERR_CONNECT|ERR_TLS",
    begin: async (bed) => {
      await bed.configure({ accept: "refuse-connection" });
      await bed.control("POST", "/connections/drop");
    },
    end: (bed) => bed.configure({ accept: "normal" }),
  },
  "answers 503": {
    code: "ERR_SERVICE_UNAVAILABLE",
    begin: (bed) => bed.fault("status", { code: 503 }),
    end: (bed) => bed.control("DELETE", "/faults"),
  },
  "never answers": {
    code: "ERR_TIMEOUT",
    begin: (bed) => bed.fault("half-open"),
    end: (bed) => bed.control("DELETE", "/faults"),
  },
};

for (const [what, clockOffsetSeconds] of [
  ["refuses connections", 0],
  ["answers 503", 0],
  ["never answers", 0],
  ["answers 503", 7200],
  ["never answers", -7200],
]) {
  const clock = clockOffsetSeconds === 0 ? "" : `, server's clock off by ${clockOffsetSeconds} s`;
  test(`the source ${what}${clock}: no operation fails while the keys hold, and all work when it is back`, async (t) => {
    const { begin, end, code } = faults[what];
    const bed = await bedFor(t, { clockOffsetSeconds });
    // One that hangs must be over before the keys are.
    const session = sessionFor(t, bed.pem("ec256", { roleAlias: "brief-role", timeoutMs: 400 }));
    const told = listening(session);
    const clients = matrix.map((row) => ({ row, client: session.client(row.Client, row.options(bed)) }));

    const operated = [];
    const operate = async ({ row, client }) => {
      const began = Date.now();
      const failure = await row.operate(client).then(
        () => undefined,
        (error) => error,
      );
      operated.push({ label: row.label, began, ended: Date.now(), failure });
      return failure;
    };
    const round = () => Promise.all(clients.map(operate));

    await session.ready();
    await round();
    const { expiration, accessKeyId } = await session.credentials();
    // Long before the advisory window; nothing is fetched before that.
    t.is(session.status().zone, "fresh");
    await begin(bed);

    const over = heard(session, "expired");
    let working = true;
    over.finally(() => {
      working = false;
    });
    while (working) {
      await round();
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    t.is((await over).accessKeyId, accessKeyId);
    t.deepEqual(told.refresh.length, 1, "nothing came in between");
    t.true(session.status().failures > 0, "the outage was noticed");

    // A `Date` is good to a second, and to half of the time that the reply took: so is the end of the keys.
    const sure = expiration - 1500;
    const early = operated.filter(({ began, ended }) => began < sure - 600 || ended < sure);
    const failed = early.filter(({ failure }) => failure !== undefined);
    t.deepEqual(
      failed.map(({ label, failure, ended }) => `${label}: ${failure} ${sure - ended} ms before the end`),
      [],
    );
    t.log(`${early.length} operations while the keys held, ${session.status().failures} failed fetches meanwhile`);
    for (const { row } of clients) {
      const own = early.filter(({ label }) => label === row.label);
      t.true(own.length >= 2, `${row.label}: ${own.length}`);
      t.true(
        own.some(({ ended }) => ended > sure - 4000),
        `${row.label} worked in the advisory window`,
      );
    }

    // Without keys operations fail with the reason.
    const after = await Promise.all(clients.map(operate));
    for (const failure of after) t.regex(failure?.code ?? String(failure), new RegExp(`^(?:${code})$`));

    await end(bed);
    const back = Date.now();
    const recovered = clients.map((each) => until(async () => (await operate(each)) === undefined));
    await Promise.all(recovered);
    t.log(`all work ${Date.now() - back} ms after the source is back`);
    t.not((await session.credentials()).accessKeyId, accessKeyId);
    t.deepEqual(await round(), Array(clients.length).fill(undefined));
  });
}

for (const clockOffsetSeconds of [7200, -7200]) {
  test(`server's clock off by ${clockOffsetSeconds} s: every client's first request is right at once`, async (t) => {
    const bed = await bedFor(t, { clockOffsetSeconds });
    for (const row of matrix) {
      // A session of its own: the clock comes with the first keys.
      const session = sessionFor(t, unshared(bed.pem()));
      const { $metadata } = await row.operate(session.client(row.Client, row.options(bed)));
      t.is($metadata.attempts, 1, row.label);
    }
    for (const service of ["sts", "s3"]) {
      const requests = await requestsOf({ service }, bed);
      t.deepEqual(
        requests.map(({ status, error }) => ({ status, error })),
        Array(matrix.length / 2).fill({ status: 200, error: null }),
      );
    }
    const session = sessionFor(t, bed.pem());
    const { expiration } = await session.credentials();
    const left = (expiration - Date.now()) / 1000;
    t.true(left > 3580 && left < 3602, `${left}`);
    // The measure: a client that is not the session's has to be told by the service.
    const [row] = matrix.slice(-1);
    const own = new row.Client({ ...row.options(bed), credentials: session.credentials });
    t.teardown(() => own.destroy());
    t.true((await row.operate(own)).$metadata.attempts > 1);
  });

  test(`server's clock off by ${clockOffsetSeconds} s: short keys are renewed in time by those who use them`, async (t) => {
    const bed = await bedFor(t, { clockOffsetSeconds });
    await bed.control("PUT", "/aliases/brief-role", { durationSeconds: 4 });
    const session = sessionFor(t, bed.pem("ec256", { roleAlias: "brief-role" }));
    const told = listening(session);
    const [row] = matrix.slice(-1);
    const client = session.client(row.Client, row.options(bed));
    await until(async () => {
      t.is((await row.operate(client)).$metadata.attempts, 1);
      return told.refresh.length === 3;
    });
    t.deepEqual([told.expired, told.refreshError], [[], []]);
  });
}
