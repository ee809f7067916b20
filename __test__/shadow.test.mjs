// Shadows over a real connection, against the shadow service of the testbed's broker.

import test from "ava";
import { ClosedError, MqttError, RequestError, ValidationError } from "refresh-session";
import { connected, publish, published, unique } from "./support/shadow-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());

/** A device with its shadow, and an app that changes it. */
async function made(t, { name, ...overrides } = {}) {
  const thing = unique("thing");
  const [device, app] = await Promise.all([connected(t, bed, overrides), connected(t, bed)]);
  const options = name === undefined ? undefined : { name };
  const prefix = `$aws/things/${thing}/shadow/${name === undefined ? "" : `name/${name}/`}`;
  return { thing, prefix, device, app, shadow: device.shadow(thing, options), wish: app.shadow(thing, options) };
}

/** The next of an iterator, which must have one. */
const nextOf = async (iterator) => (await iterator.next()).value;

for (const name of [undefined, "config"]) {
  test(`a shadow from its first update to its end: ${name ?? "classic"}`, async (t) => {
    const { shadow, thing } = await made(t, { name });
    t.like(shadow, { thing, name });
    const missing = await failureOf(shadow.get());
    t.true(missing instanceof RequestError);
    t.like(missing, { code: "ERR_SHADOW_REJECTED", statusCode: 404, retryable: false });
    t.regex(missing.message, /shadow\/.*get was rejected \(404\): No shadow exists/);

    const { version, ...updated } = await shadow.update({ desired: { led: "on", fan: { rpm: 900 } } });
    t.is(version, 1);
    t.deepEqual(updated.state, { desired: { led: "on", fan: { rpm: 900 } } });
    t.is((await shadow.update({ reported: { led: "on" } }, { version: 1 })).version, 2);
    const whole = await shadow.get();
    t.deepEqual(whole.state, {
      desired: { led: "on", fan: { rpm: 900 } },
      reported: { led: "on" },
      delta: { fan: { rpm: 900 } },
    });
    t.is(whole.version, 2);
    t.is(typeof whole.metadata.desired.led.timestamp, "number");

    t.like(await shadow.delete({ version: 2 }), { version: 2 });
    t.is((await failureOf(shadow.delete())).statusCode, 404);
    t.is((await shadow.update({ reported: null, desired: { a: 1 } })).version, 3);
  });
}

test("a version that is not the current one is refused, and nothing is changed", async (t) => {
  const { shadow } = await made(t);
  await shadow.update({ desired: { a: 1 } });
  await shadow.update({ desired: { a: 2 } });
  const error = await failureOf(shadow.update({ desired: { a: 3 } }, { version: 1 }));
  t.like(error, { name: "RequestError", code: "ERR_SHADOW_REJECTED", statusCode: 409, retryable: false });
  t.regex(error.hint, /Somebody else/);
  t.is((await failureOf(shadow.delete({ version: 1 }))).statusCode, 409);
  t.deepEqual((await shadow.get()).state.desired, { a: 2 });
});

test("two updates in flight are told apart, however their answers come", async (t) => {
  const { shadow, device } = await made(t);
  await shadow.update({ desired: { n: 0 } });
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 2 });
  const settled = [];
  const update = (n) => shadow.update({ desired: { n } }).then((answer) => settled.push(n) && answer);
  const answers = await Promise.all([update(1), update(2)]);
  t.deepEqual(
    answers.map(({ state, version }) => [state.desired.n, version]),
    [
      [1, 2],
      [2, 3],
    ],
  );
  t.deepEqual(settled, [2, 1]);
});

test("answers of others, without a token or unreadable are no answers", async (t) => {
  const { shadow, device, prefix } = await made(t);
  await shadow.update({ desired: { a: 1 } });
  await failureOf(shadow.update({ desired: { a: 1 } }, { version: 9 }));
  // The real answer is held back until three more messages have come.
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 4 });
  const answered = shadow.update({ desired: { a: 2 } });
  await until(async () => (await published(bed, device, `${prefix}update`)).length === 3);
  const forged = { state: {}, version: 77, timestamp: 1, code: 500, message: "no" };
  await publish(bed, `${prefix}update/accepted`, forged);
  await publish(bed, `${prefix}update/rejected`, forged);
  await publish(bed, `${prefix}update/rejected`, { ...forged, clientToken: "somebody-else" });
  t.is((await answered).version, 2);
});

for (const payload of ["", "{", "[]", "null", '"text"', "\u0000"]) {
  test(`what is no JSON object is told as such: ${JSON.stringify(payload)}`, async (t) => {
    const { shadow, device, prefix } = await made(t);
    await shadow.update({ desired: { a: 1 } });
    await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 2 });
    const failed = failureOf(shadow.update({ desired: { a: 2 } }));
    await until(async () => (await published(bed, device, `${prefix}update`)).length === 2);
    await publish(bed, `${prefix}update/accepted`, payload);
    const error = await failed;
    t.true(error instanceof MqttError);
    t.like(error, { code: "ERR_MQTT_BAD_ANSWER", retryable: true });
  });
}

test("an answer without a version is told as such", async (t) => {
  const { shadow, device, prefix } = await made(t);
  await shadow.update({ desired: { a: 1 } });
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 2 });
  const failed = failureOf(shadow.update({ desired: { a: 2 } }));
  const [, { clientToken }] = await until(async () => {
    const sent = await published(bed, device, `${prefix}update`);
    return sent.length === 2 && sent;
  });
  await publish(bed, `${prefix}update/accepted`, { clientToken, state: {} });
  const error = await failed;
  t.is(error.code, "ERR_MQTT_BAD_ANSWER");
  t.regex(error.message, /`version` or `timestamp` is missing/);
});

test("deltas come once and in order, the latest for whoever is slow", async (t) => {
  const { shadow, wish, app, prefix } = await made(t);
  await wish.update({ desired: { n: 1, other: true } });
  const deltas = shadow.deltas();
  t.like(await nextOf(deltas), { state: { n: 1, other: true }, version: 1 });
  const second = deltas.next();
  const { timestamp } = await wish.update({ desired: { n: 2 } });
  t.like((await second).value, { state: { n: 2, other: true }, version: 2 });
  // A repeat, and one that is late.
  const delta = (version, n) => publish(bed, `${prefix}update/delta`, { state: { n }, version, timestamp });
  await delta(2, 2);
  await delta(1, 1);
  await publish(bed, `${prefix}update/delta`, "garbage");
  await wish.update({ desired: { n: 3 } });
  await wish.update({ desired: { n: 4 } });
  await app.publish("sync", "", { qos: 1 });
  // Everything has come by the answer to this.
  await shadow.get();
  t.like(await nextOf(deltas), { state: { n: 4, other: true }, version: 4 });
  await deltas.return();
});

test("a shadow that was made anew counts from the beginning", async (t) => {
  const { shadow, prefix, wish } = await made(t);
  for (let n = 0; n < 3; n++) await wish.update({ desired: { n } });
  const deltas = shadow.deltas();
  const { timestamp } = await nextOf(deltas);
  const next = deltas.next();
  const delta = (version, later) =>
    publish(bed, `${prefix}update/delta`, { state: { version }, version, timestamp: timestamp + later });
  await delta(2, 3600);
  await delta(1, 3 * 86_400);
  t.like((await next).value, { version: 1 });
  await deltas.return();
});

test("deltas end with their signal, with the shadow, and with the connection", async (t) => {
  const { device, thing } = await made(t);
  const controller = new AbortController();
  const first = device.shadow(thing).deltas({ signal: controller.signal }).next();
  controller.abort();
  t.deepEqual(await first, { value: undefined, done: true });
  const second = device.shadow(thing).deltas().next();
  await device.shadow(thing).close();
  t.deepEqual(await second, { value: undefined, done: true });
  const third = device.shadow(thing).deltas().next();
  await device.close();
  t.deepEqual(await third, { value: undefined, done: true });
  t.throws(() => device.shadow(thing), { instanceOf: ClosedError });
});

test("changes show the shadow before and after", async (t) => {
  const { shadow, wish } = await made(t);
  const changes = shadow.changes();
  const first = changes.next();
  await until(() => shadow.update({ reported: { up: true } }).then(() => true));
  t.like((await first).value, { current: { state: { reported: { up: true } } } });
  const second = changes.next();
  await wish.update({ desired: { n: 1 } });
  t.like((await second).value, { previous: { version: 1 }, current: { version: 2, state: { desired: { n: 1 } } } });
  await changes.return();
});

test("a device follows what is desired, and reports it", async (t) => {
  const { shadow, wish } = await made(t);
  await wish.update({ desired: { n: 1, unknown: "x" } });
  const applied = [];
  const controller = new AbortController();
  const followed = shadow.follow(
    async ({ n, ...rest }, { version, signal }) => {
      t.false(signal.aborted);
      applied.push([n, version]);
      return n === undefined ? {} : n === 3 ? undefined : { n, extra: Object.keys(rest).length };
    },
    { signal: controller.signal },
  );
  const reported = (n) => until(async () => (await wish.get()).state.reported?.n === n);
  await reported(1);
  await wish.update({ desired: { n: 2 } });
  await reported(2);
  await wish.update({ desired: { n: 3 } });
  await reported(3);
  controller.abort();
  await followed;
  // What it leaves out, `unknown`, does not come back to it by its own report.
  t.deepEqual(applied, [
    [1, 1],
    [2, 3],
    [3, 5],
  ]);
  t.deepEqual((await wish.get()).state.reported, { n: 3, extra: 1, unknown: "x" });
});

test("what the function of `follow` throws ends it", async (t) => {
  const { shadow, wish } = await made(t);
  await wish.update({ desired: { n: 1 } });
  const cause = new Error("no such valve");
  t.is(await failureOf(shadow.follow(() => Promise.reject(cause))), cause);
  t.is((await failureOf(shadow.follow(() => "text"))).code, "ERR_INVALID_OPTION");
});

test("a reading whose answer was lost with the connection is repeated, a change is not", async (t) => {
  const { shadow, device, prefix } = await made(t);
  await shadow.update({ reported: { n: 0 } });
  await shadow.get();
  // The requests are carried out, and the answers held back.
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 3 });
  const reading = shadow.get();
  const changing = failureOf(shadow.update({ reported: { n: 1 } }));
  const sent = async (name) => (await published(bed, device, prefix + name)).length;
  await until(async () => (await sent("get")) === 2 && (await sent("update")) === 2);
  await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
  const error = await changing;
  t.like(error, { name: "MqttError", code: "ERR_MQTT_ANSWER_LOST", retryable: true });
  t.deepEqual((await reading).state.reported, { n: 1 });
  t.deepEqual([await sent("get"), await sent("update")], [3, 2]);
  t.is((await shadow.update({ reported: { n: 2 } })).version, 3);
});

test("after a reconnect deltas go on with what was missed", async (t) => {
  const { shadow, wish, device } = await made(t);
  await wish.update({ desired: { n: 1 } });
  const deltas = shadow.deltas();
  await nextOf(deltas);
  const next = deltas.next();
  const back = heard(device, "connect");
  const down = heard(device, "disconnect");
  await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
  await down;
  await wish.update({ desired: { n: 2 } });
  t.like((await next).value, { state: { n: 2 }, version: 2 });
  await back;
  const later = deltas.next();
  await wish.update({ desired: { n: 3 } });
  t.like((await later).value, { version: 3 });
  await deltas.return();
});

test("a signal ends the wait with its reason", async (t) => {
  const { shadow, device } = await made(t);
  await shadow.update({ reported: { n: 0 } });
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "half-open", after: 0 });
  const controller = new AbortController();
  const failed = failureOf(shadow.get({ signal: controller.signal }));
  const reason = new Error("enough");
  controller.abort(reason);
  t.is(await failed, reason);
  t.is(await failureOf(shadow.get({ signal: AbortSignal.abort(reason) })), reason);
});

test("closing rejects what waits and ends the subscriptions", async (t) => {
  const { shadow, device, thing } = await made(t);
  await shadow.update({ reported: { n: 0 } });
  t.is(device.stats().subscriptions, 2);
  t.is(device.shadow(thing), shadow);
  await Promise.all([shadow.get(), shadow.get()]);
  t.is(device.stats().subscriptions, 4);
  const waiting = failureOf(shadow.get());
  await shadow.close();
  t.like(await waiting, { name: "ClosedError", code: "ERR_CLOSED" });
  t.is(device.stats().subscriptions, 0);
  await shadow.close();
  t.true((await failureOf(shadow.get())) instanceof ClosedError);
  const again = device.shadow(thing);
  t.not(again, shadow);
  t.is((await again.get()).version, 1);
});

test("the 51st subscription is refused with a clear error", async (t) => {
  const device = await connected(t, bed);
  const shadows = Array.from({ length: 26 }, () => device.shadow(unique("many")));
  for (const shadow of shadows.slice(0, 25)) await shadow.update({ reported: {} });
  const error = await failureOf(shadows[25].update({ reported: {} }));
  t.like(error, { name: "MqttError", code: "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS", retryable: false });
  t.is((await failureOf(shadows[25].deltas().next())).code, "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS");
  await shadows[0].close();
  t.is((await shadows[25].update({ reported: {} })).version, 1);
});

test.serial("what the policy denies is said, and not tried again", async (t) => {
  const { shadow, thing, device, prefix } = await made(t);
  await shadow.update({ reported: { n: 0 } });
  const deny = (action, resource) =>
    bed.control("PUT", "/mqtt/policy", [
      { effect: "Allow", action: "iot:*", resource: "*" },
      { effect: "Deny", action, resource },
    ]);
  await deny("iot:Subscribe", `$aws/things/${thing}/shadow/get/*`);
  const unheard = await failureOf(shadow.get());
  t.like(unheard, { name: "MqttError", code: "ERR_MQTT_SUBSCRIBE_REFUSED", retryable: false });
  await deny("iot:Publish", `$aws/things/${thing}/shadow/get`);
  const unsent = await failureOf(shadow.get());
  t.like(unsent, { name: "MqttError", code: "ERR_MQTT_PUBLISH_REFUSED", reasonCode: 0x87, retryable: false });
  await bed.control("PUT", "/mqtt/policy", [{ effect: "Allow", action: "iot:*", resource: "*" }]);
  // What the policy denies waits for a minute or two.
  await device.disconnect();
  await device.connect();
  t.is((await shadow.get()).version, 1);
  t.is((await published(bed, device, `${prefix}get`)).length, 2);
});

test("names and values are checked before the wire", async (t) => {
  const { device, shadow } = await made(t);
  const refusals = [
    [() => device.shadow("a/b"), "ERR_INVALID_OPTION", "thing"],
    [() => device.shadow("+"), "ERR_INVALID_OPTION", "thing"],
    [() => device.shadow(""), "ERR_INVALID_OPTION", "thing"],
    [() => device.shadow("a", { name: "#" }), "ERR_INVALID_OPTION", "name"],
    [() => device.shadow("a", { nmae: "b" }), "ERR_UNKNOWN_OPTION", "nmae"],
    [() => device.jobs("a b"), "ERR_INVALID_OPTION", "thing"],
  ];
  for (const [call, code, param] of refusals) t.like(t.throws(call, { instanceOf: ValidationError }), { code, param });
  const circular = {};
  circular.self = circular;
  const rejections = [
    [() => shadow.update(), "ERR_INVALID_OPTION", "state"],
    [() => shadow.update({}), "ERR_INVALID_OPTION", "state"],
    [() => shadow.update({ desired: [] }), "ERR_INVALID_OPTION", "state.desired"],
    [() => shadow.update({ desried: {} }), "ERR_UNKNOWN_OPTION", "state.desried"],
    [() => shadow.update({ desired: circular }), "ERR_INVALID_OPTION", "state"],
    [() => shadow.update({ desired: { a: 1n } }), "ERR_INVALID_OPTION", "state"],
    [() => shadow.update({ desired: {} }, { version: -1 }), "ERR_INVALID_OPTION", "version"],
    [() => shadow.get({ timeoutMs: 0 }), "ERR_INVALID_OPTION", "timeoutMs"],
    [() => shadow.update({ desired: { a: "x".repeat(8192) } }), "ERR_MQTT_PACKET_TOO_LARGE", "state"],
  ];
  for (const [call, code, param] of rejections) t.like(await failureOf(call()), { code, param });
  t.is(device.stats().sent, 0);
});

test("with `manualAcknowledge` the answers do not fill the server's window", async (t) => {
  const { shadow, device } = await made(t, { manualAcknowledge: true });
  for (let n = 0; n < 120; n++) await shadow.update({ reported: { n } });
  t.is(device.stats().received, 120);
});

test("an answer that comes after a reconnect counts, if the server has kept the session", async (t) => {
  const { shadow, device, prefix } = await made(t, { cleanStart: false, sessionExpirySeconds: 600 });
  await shadow.update({ reported: { n: 0 } });
  // The answer is not let through, and waits for no other: the connection ends first.
  await bed.control("POST", `/mqtt/clients/${device.clientId}/fault`, { mode: "reorder-messages", size: 2 });
  const answered = shadow.update({ reported: { n: 1 } });
  await until(async () => (await published(bed, device, `${prefix}update`)).length === 2);
  const back = heard(device, "connect");
  await bed.control("POST", `/mqtt/clients/${device.clientId}/kick`, {});
  t.true((await back).sessionPresent);
  t.is((await answered).version, 2);
});
