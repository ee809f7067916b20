// More than anybody can take: floods of messages, slow readers, and the user's own acknowledgements.
//
// Serial: the broker's rules are common to all.

import test from "ava";
import { connected, heardAfter, opened, QUICK } from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { heard, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(async () => {
  await bed.reset();
  await bed.broker.rules("off");
});
test.after.always(() => bed?.stop());

const quick = (overrides = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ...QUICK, ...overrides });
const up = (t, overrides) => connected(t, sessionFor(t, bed.pem()), quick(overrides));
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/** What one turn of the event loop deals with at most: a portion of what the native side has. */
const PORTION = 1024;

for (const qos of [0, 1]) {
  test.serial(`20,000 messages of QoS ${qos} at once leave the event loop its turns`, async (t) => {
    const COUNT = 20_000;
    const { connection } = await up(t);
    let turns = 0;
    let immediate = setImmediate(function again() {
      turns += 1;
      immediate = setImmediate(again);
    });
    t.teardown(() => clearImmediate(immediate));
    const came = [];
    const inTurn = new Map();
    const all = new Promise((resolve) => {
      connection.on("message", ({ payload }) => {
        inTurn.set(turns, (inTurn.get(turns) ?? 0) + 1);
        if (came.push(Number(payload.toString())) === COUNT) resolve();
      });
    });
    await connection.subscribe("flood", { qos });
    await bed.broker.publish("flood", "", { qos, count: COUNT });
    await all;
    t.deepEqual(came, numbers(COUNT));
    t.true(inTurn.size >= COUNT / PORTION, `${inTurn.size} turns`);
    // Between two of its calls, Node may come to it twice: when it is woken, and for what was left.
    t.true(Math.max(...inTurn.values()) <= 2 * PORTION, `${Math.max(...inTurn.values())} in one turn`);
  });

  test.serial(`who does not read holds up the server, not the memory: QoS ${qos}`, async (t) => {
    const [COUNT, BYTES] = [4000, 10_000];
    const { connection, said } = await up(t);
    const messages = connection.messages("slow");
    await connection.subscribe("slow", { qos });
    for (let sent = 0; sent < COUNT; sent += 500) {
      await bed.broker.publish("slow", "x".repeat(BYTES), { qos, count: 500 });
    }
    const first = await messages.next();
    t.true(first.value.payload.length > BYTES);
    // As much as is taken comes, and no more.
    let [before, still] = [-1, 0];
    await until(() => {
      const { bytesIn } = connection.stats();
      still = bytesIn === before ? still + 1 : 0;
      before = bytesIn;
      return still === 20;
    });
    const { received, bytesIn } = connection.stats();
    t.true(received < COUNT / 2, `${received} of ${COUNT}`);
    t.true(bytesIn < 12e6, `${bytesIn} bytes`);
    // What it says itself is answered all the same; messages of QoS 0 would have to give way to the answer.
    if (qos === 1) t.is((await connection.publish("else", "x", { qos: 1 })).reasonCode, 0);
    let count = 1;
    for await (const _ of messages) if (++count === COUNT) break;
    t.is(count, COUNT);
    t.deepEqual(said.dropped, []);
    t.true(connection.connected);
  });
}

test.serial("one of two iterators that is slow holds up both, and loses nothing of QoS 1", async (t) => {
  const COUNT = 3000;
  const { connection } = await up(t);
  const [slow, fast] = [connection.messages("both"), connection.messages("both")];
  await connection.subscribe("both", { qos: 1 });
  await bed.broker.publish("both", "", { count: COUNT });
  const read = async (messages, until) => {
    const came = [];
    while (came.length < until) came.push(Number((await messages.next()).value.payload.toString()));
    return came;
  };
  t.deepEqual(await read(fast, 200), numbers(200));
  const [all, rest] = await Promise.all([read(slow, COUNT), read(fast, COUNT - 200)]);
  t.deepEqual(all, numbers(COUNT));
  t.deepEqual(rest, numbers(COUNT).slice(200));
});

test.serial("an iterator that is left lets the others go on", async (t) => {
  const COUNT = 3000;
  const { connection } = await up(t);
  const left = connection.messages("left");
  let handled = 0;
  await connection.subscribe("left", { qos: 1 }, () => {
    handled += 1;
  });
  await bed.broker.publish("left", "", { count: COUNT });
  await left.next();
  await left.return();
  await until(() => handled === COUNT);
  t.deepEqual(await left.next(), { value: undefined, done: true });
});

// ----------------------------------------------------------------------------------------------- the user's acknowledgements

const lasting = { manualAcknowledge: true, cleanStart: false, sessionExpirySeconds: 600 };

test.serial(
  "what the user has not acknowledged comes again on the next connection, what he has does not",
  async (t) => {
    const { connection } = await up(t, lasting);
    const came = [];
    await connection.subscribe("m", { qos: 1 }, (message) => came.push(message));
    await bed.broker.publish("m", "", { count: 5 });
    await until(() => came.length === 5);
    came[1].ack();
    came[3].ack();
    came[3].ack();
    // The acknowledgements are behind this.
    await connection.publish("behind", "", { qos: 1 });
    const { sessionPresent } = await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
    t.true(sessionPresent);
    await until(() => came.length === 8);
    t.deepEqual(
      came.slice(5).map(({ payload }) => payload.toString()),
      ["0", "2", "4"],
    );
    // Of an earlier connection: they mean nothing any more, and break nothing.
    for (const message of came.slice(0, 5)) message.ack();
    for (const message of came.slice(5)) message.ack();
    await connection.publish("behind", "", { qos: 1 });
    await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
    await bed.broker.publish("m", "last");
    await until(() => came.length === 9);
    t.is(came[8].payload.toString(), "last");
    t.true(connection.connected);
  },
);

test.serial("what a closed connection has not acknowledged comes to its successor", async (t) => {
  const clientId = "successor";
  const first = await up(t, { ...lasting, clientId });
  const message = heard(first.connection, "message");
  await first.connection.subscribe("m", { qos: 1 });
  await bed.broker.publish("m", "once");
  const unacknowledged = await message;
  await first.connection.close();
  t.notThrows(() => unacknowledged.ack());
  const second = await opened(t, sessionFor(t, bed.pem()), quick({ ...lasting, clientId }));
  const again = heard(second.connection, "message");
  await second.connection.connect();
  t.is((await again).payload.toString(), "once");
});
