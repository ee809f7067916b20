// MQTT connections of a test, and what the broker has written down about them.

import { heard, listening } from "./waiting.mjs";

/** Everything a connection says but `message`. */
export const EVENTS = [
  "connect",
  "disconnect",
  "reconnecting",
  "dropped",
  "released",
  "subscriptionLost",
  "warning",
  "close",
];

/** Options of a connection that does not wait where a test would: other limits and pauses than AWS's. */
export const QUICK = { limits: { base: "none" }, reconnectMinSeconds: 0.005, reconnectMaxSeconds: 0.02 };

/** The options' names of the versions of MQTT, by what the broker calls them. */
export const VERSIONS = { "MQTT 5": { protocolVersion: 5 }, "MQTT 3.1.1": { protocolVersion: 311 } };

let made = 0;

/** A client identifier nobody has used: the broker takes one CONNECT a second of each. */
export function newClient(what = "gw") {
  made += 1;
  return `${what}-${process.pid}-${made}`;
}

/** A connection of the session's that is closed when the test is over, and in `said` what it says. */
export async function opened(t, session, options) {
  const connection = await session.mqtt({ clientId: newClient(), ...options });
  const said = listening(connection, EVENTS);
  t.teardown(() => connection.close());
  return { connection, said };
}

/** The same, up. */
export async function connected(t, session, options) {
  const all = await opened(t, session, options);
  return { ...all, answer: await all.connection.connect() };
}

/** Subscribes, publishes with QoS 0 and 1, and gets both back. */
export async function roundTrip(t, connection) {
  const topic = `${connection.clientId}/echo`;
  const messages = connection.messages(`${topic}/+`);
  t.deepEqual(await connection.subscribe(`${topic}/+`, { qos: 1 }), { reasonCodes: [1] });
  for (const qos of [0, 1]) {
    const { reasonCode } = await connection.publish(`${topic}/${qos}`, `payload ${qos}`, { qos });
    t.is(reasonCode, 0);
    const { value } = await messages.next();
    const { payload, ...rest } = value;
    t.like(rest, { topic: `${topic}/${qos}`, qos, retain: false, dup: false });
    t.is(payload.toString(), `payload ${qos}`);
  }
  await messages.return();
}

/** The next event, after `act` has been called. */
export async function heardAfter(connection, event, act) {
  const coming = heard(connection, event);
  const [said] = await Promise.all([coming, act()]);
  return said;
}

/** What the broker has written down about a client. */
export async function seen(bed, clientId, event = "mqtt.connect") {
  const log = await bed.control("GET", `/log?event=${event}`);
  return log.filter((entry) => entry.clientId === clientId);
}

/** Options of a connection that a custom authorizer lets in. */
export function authorized(bed, overrides = {}) {
  const { name, tokenKey, token, signature, user, password } = bed.mqtt.authorizer;
  const customAuthorizer = { name, tokenKeyName: tokenKey, tokenValue: token, tokenSignature: signature };
  return {
    endpoint: bed.mqtt.alpn.endpoint,
    ca: bed.pki.serverCa,
    customAuthorizer,
    username: user,
    password,
    ...overrides,
  };
}

/** Faults for single clients: gathered while tests are declared, told to the broker before they run. */
export class Faults {
  #all = [];

  /** A client that meets this fault, `count` times or always. */
  of(fault, count = null) {
    const clientId = newClient(fault.mode);
    this.#all.push({ ...fault, clientId, count });
    return { clientId };
  }

  tell(bed) {
    return bed.broker.faults(this.#all);
  }
}

/** What every error of a connection says of itself. */
export function told(t, { error, expected }, code, says) {
  t.is(error.code, code, error.message);
  t.regex(error.message, says);
  t.false(expected);
  t.notRegex(error.message, /\.\. [A-Z]|\[object|undefined|NaN/);
  if (error.hint !== undefined) t.true(error.message.endsWith(error.hint));
}
