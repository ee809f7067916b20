// Jobs over a real connection, against the jobs service of the testbed's broker.

import test from "ava";
import { ClosedError, MqttError, RequestError } from "refresh-session";
import { connected, publish, published, unique } from "./support/shadow-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());

/** A device with its jobs. `job` makes one, `standing` shows them, `change` is what somebody else does to one. */
async function made(t, overrides) {
  const thing = unique("thing");
  const [device, other] = await Promise.all([connected(t, bed, overrides), connected(t, bed)]);
  const prefix = `$aws/things/${thing}/jobs/`;
  return {
    thing,
    prefix,
    device,
    jobs: device.jobs(thing),
    job: (jobId, document = {}) => bed.control("POST", "/mqtt/jobs", { thing, jobId, document }),
    standing: () => bed.control("GET", `/mqtt/jobs/${thing}`),
    change: (jobId, body) => other.publish(`${prefix}${jobId}/update`, JSON.stringify(body), { qos: 1 }),
  };
}

/** Runs until `done` resolves; what it throws. */
async function running(jobs, handler, done, options = {}) {
  const controller = new AbortController();
  const over = jobs.run(handler, { ...options, signal: controller.signal });
  await Promise.race([done(), over]);
  controller.abort();
  await over;
}

const statuses = async (standing) => (await standing()).map(({ status }) => status);
const ended = (standing, count) =>
  until(
    async () => (await statuses(standing)).filter((it) => !["QUEUED", "IN_PROGRESS"].includes(it)).length === count,
  );

test("jobs are carried out one after the other, and end as the handler does", async (t) => {
  const { jobs, job, standing, device, prefix } = await made(t);
  await job("one", { do: "it" });
  await job("two");
  await job("three");
  const handled = [];
  let atOnce = 0;
  const handler = async ({ jobId, document, executionNumber, versionNumber, statusDetails, progress, signal }) => {
    t.is(++atOnce, 1);
    handled.push({ jobId, document, executionNumber, versionNumber, statusDetails, aborted: signal.aborted });
    await progress({ step: 1, of: "2", last: false });
    atOnce -= 1;
    if (jobId === "two") throw new TypeError(`broken\n${"x".repeat(2000)}`);
    if (jobId === "three") return { status: "REJECTED", statusDetails: { why: "not here" } };
    if (jobId === "four") return { statusDetails: { took: 1.5 } };
    return undefined;
  };
  await running(jobs, handler, async () => {
    await ended(standing, 3);
    // It waits for the next one, and asks for it once.
    const asked = (await published(bed, device, `${prefix}start-next`)).length;
    await job("four");
    await ended(standing, 4);
    t.true((await published(bed, device, `${prefix}start-next`)).length <= asked + 2);
  });
  const common = { executionNumber: 1, versionNumber: 2, statusDetails: {}, aborted: false };
  t.deepEqual(handled, [
    { ...common, jobId: "one", document: { do: "it" } },
    { ...common, jobId: "two", document: {} },
    { ...common, jobId: "three", document: {} },
    { ...common, jobId: "four", document: {} },
  ]);
  const [one, two, three, four] = await standing();
  t.like(one, { status: "SUCCEEDED", versionNumber: 4, statusDetails: { step: "1", of: "2", last: "false" } });
  t.is(two.status, "FAILED");
  t.regex(two.statusDetails.error, /^TypeError: broken x+…$/);
  t.is(two.statusDetails.error.length, 1024);
  t.like(three, { status: "REJECTED", statusDetails: { why: "not here" } });
  t.like(four, { status: "SUCCEEDED", statusDetails: { took: "1.5" } });
});

test("a job by hand: next, progress, succeed", async (t) => {
  const { jobs, job, standing, device } = await made(t);
  const waiting = jobs.next({ stepTimeoutInMinutes: 5 });
  await until(() => device.stats().received === 1);
  await job("one", { n: 1 });
  const one = await waiting;
  t.like(one, { jobId: "one", document: { n: 1 }, over: false, versionNumber: 2 });
  t.is(await jobs.next(), one);
  await Promise.all([one.progress({ step: 1 }), one.progress({ step: 2 }, { stepTimeoutInMinutes: 9 })]);
  t.is(one.versionNumber, 4);
  t.deepEqual(one.statusDetails, { step: "2" });
  await one.succeed();
  t.true(one.over);
  t.like(await failureOf(one.fail()), { name: "RequestError", code: "ERR_JOB_OVER", retryable: false });
  t.deepEqual(await statuses(standing), ["SUCCEEDED"]);
});

test("a job that somebody else has changed meanwhile is read again", async (t) => {
  const { jobs, job, standing, change } = await made(t);
  await job("one");
  const one = await jobs.next();
  await change("one", { status: "IN_PROGRESS", statusDetails: { note: "hands off" } });
  await one.progress({ step: 1 });
  t.is(one.versionNumber, 4);
  await change("one", { status: "IN_PROGRESS" });
  await one.succeed({ done: true });
  t.like((await standing())[0], { status: "SUCCEEDED", versionNumber: 6, statusDetails: { done: "true" } });
});

test("a job that is cancelled stops, and nothing is reported", async (t) => {
  const { jobs, job, standing, change } = await made(t);
  await job("one");
  await job("two");
  const seen = [];
  const handler = async ({ jobId, signal, progress }) => {
    if (jobId === "two") return;
    await change("one", { status: "CANCELED" });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    seen.push(signal.reason, await failureOf(progress({ step: 9 })));
  };
  await running(jobs, handler, () => ended(standing, 2));
  t.true(seen[0] instanceof RequestError);
  t.is(seen[0], seen[1]);
  t.like(seen[0], { code: "ERR_JOB_OVER" });
  t.regex(seen[0].message, /job `one` is over: it is CANCELED/);
  t.deepEqual(await statuses(standing), ["CANCELED", "SUCCEEDED"]);
});

test("a job goes on where the device stopped", async (t) => {
  const { jobs, job, standing, thing, device } = await made(t);
  await job("one", { steps: 2 });
  const controller = new AbortController();
  await jobs.run(
    async ({ progress, signal }) => {
      await progress({ step: 1 });
      controller.abort();
      t.true(signal.aborted);
      throw new Error("stopped in the middle");
    },
    { signal: controller.signal },
  );
  t.like((await standing())[0], { status: "IN_PROGRESS", statusDetails: { step: "1" } });
  await device.close();
  const again = await connected(t, bed);
  const details = [];
  const handler = ({ statusDetails, signal }) => void details.push(statusDetails, signal.aborted);
  await running(again.jobs(thing), handler, () => ended(standing, 1));
  t.deepEqual(details, [{ step: "1" }, false]);
});

test("what has been done is reported although the end was asked for", async (t) => {
  const { jobs, job, standing } = await made(t);
  await job("one");
  const controller = new AbortController();
  await jobs.run(() => controller.abort(), { signal: controller.signal });
  t.deepEqual(await statuses(standing), ["SUCCEEDED"]);
});

test("a report whose answer is lost is made once", async (t) => {
  const { jobs, job, standing, device, prefix } = await made(t);
  await job("one");
  const one = await jobs.next();
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 9 });
  const reported = one.succeed({ done: 1 });
  await until(async () => (await statuses(standing))[0] === "SUCCEEDED");
  await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
  await reported;
  t.false(one.signal.aborted);
  t.is(one.versionNumber, 3);
  t.is((await published(bed, device, `${prefix}one/update`)).length, 1);
});

test("a job goes on through a lost connection, and the next is not missed", async (t) => {
  const { jobs, job, standing, device } = await made(t);
  await job("one");
  const handler = async ({ jobId, progress, signal }) => {
    if (jobId === "two") return;
    const back = heard(device, "connect");
    await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
    await back;
    await progress({ step: 1 });
    t.false(signal.aborted);
  };
  await running(jobs, handler, async () => {
    await ended(standing, 1);
    const down = heard(device, "disconnect");
    await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
    await down;
    await job("two");
    await ended(standing, 2);
  });
  t.deepEqual(await statuses(standing), ["SUCCEEDED", "SUCCEEDED"]);
});

test("garbage on the topics ends nothing", async (t) => {
  const { jobs, job, standing, prefix, device } = await made(t);
  const handled = [];
  await running(
    jobs,
    ({ jobId }) => void handled.push(jobId),
    async () => {
      await until(() => device.stats().received === 1);
      for (const payload of ["", "{", "[]", '{"execution": 1}', '{"execution": {"jobId": "../x"}}', "\u0000"]) {
        await publish(bed, `${prefix}notify-next`, payload);
        await publish(bed, `${prefix}x/update/accepted`, payload);
        await publish(bed, `${prefix}start-next/rejected`, payload);
      }
      await job("one");
      await ended(standing, 1);
    },
  );
  t.deepEqual(handled, ["one"]);
});

test("one at a time, and the end of it all", async (t) => {
  const { jobs, device, thing } = await made(t);
  const run = jobs.run(() => {});
  t.like(await failureOf(jobs.run(() => {})), { name: "MqttError", code: "ERR_JOBS_BUSY" });
  t.is((await failureOf(jobs.next())).code, "ERR_JOBS_BUSY");
  await jobs.close();
  await run;
  t.true((await failureOf(jobs.next())) instanceof ClosedError);
  t.is(device.stats().subscriptions, 0);

  const again = device.jobs(thing);
  const reason = new Error("enough");
  const controller = new AbortController();
  const waiting = failureOf(again.next({ signal: controller.signal }));
  controller.abort(reason);
  t.is(await waiting, reason);
  const last = again.run(() => {});
  await device.close();
  await last;
});

test("what a handler gives or says is checked", async (t) => {
  const { jobs, job, standing } = await made(t);
  for (const bad of [undefined, {}, "handler"]) t.is((await failureOf(jobs.run(bad))).code, "ERR_INVALID_OPTION");
  t.is((await failureOf(jobs.run(() => {}, { stepTimeoutInMinutes: 0 }))).code, "ERR_INVALID_OPTION");
  await job("outcome");
  await job("details");
  const refused = [];
  const handler = async ({ jobId, progress }) => {
    if (jobId === "outcome") return { status: "CANCELED" };
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`n${n}`, n]));
    for (const details of ["text", { "a b": 1 }, { a: {} }, many])
      refused.push((await failureOf(progress(details))).code);
    await progress({ empty: "", control: "a\u0000\nb", long: "😀".repeat(600) });
    return undefined;
  };
  await running(jobs, handler, () => ended(standing, 2));
  t.deepEqual(refused, Array(4).fill("ERR_INVALID_OPTION"));
  const [outcome, details] = await standing();
  t.is(outcome.status, "FAILED");
  t.regex(outcome.statusDetails.error, /ValidationError: option `status`/);
  t.is(details.status, "SUCCEEDED");
  t.like(details.statusDetails, { empty: "-", control: "a b" });
  t.is(details.statusDetails.long, `${"😀".repeat(511)}…`);
});

test("five subscriptions, and what the policy denies is said", async (t) => {
  const { jobs, job, device, thing } = await made(t);
  await job("one");
  await (await jobs.next()).succeed();
  t.is(device.stats().subscriptions, 5);
  await jobs.close();
  await bed.control("PUT", "/mqtt/policy", [
    { effect: "Allow", action: "iot:*", resource: "*" },
    { effect: "Deny", action: "iot:Subscribe", resource: `$aws/things/${thing}/jobs/*` },
  ]);
  const error = await failureOf(device.jobs(thing).run(() => {}));
  t.true(error instanceof MqttError);
  t.is(error.code, "ERR_MQTT_SUBSCRIBE_REFUSED");
});
