// Connections to the testbed's broker, whose services have the shadows and jobs.

import { sessionFor } from "./sessions.mjs";

let clients = 0;

/** A name that no other test has: of a thing, or of a client. */
export const unique = (what) => `${what}-${process.pid}-${clients++}`;

/** A connection of its own, up; it ends with the test. */
export async function connected(t, bed, overrides = {}) {
  const session = sessionFor(t, { method: "custom", customCredentials: () => new Promise(() => {}) });
  const { certificate, privateKey } = bed.pki.devices.ec256;
  const connection = await session.mqtt({
    endpoint: bed.mqtt.tls.endpoint,
    ca: bed.pki.serverCa,
    certificate,
    privateKey,
    clientId: unique("client"),
    ...overrides,
  });
  await connection.connect();
  return connection;
}

/** What a client has published to a topic, as JSON. */
export async function published(bed, connection, topic) {
  const query = new URLSearchParams({ clientId: connection.clientId, topic });
  const received = await bed.control("GET", `/mqtt/received?${query}`);
  return received.map(({ payload }) => JSON.parse(payload));
}

/** What somebody publishes: JSON, or a text as it is. */
export function publish(bed, topic, payload, more = {}) {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  return bed.control("POST", "/mqtt/publish", { topic, payload: text, ...more });
}
