import { createRequire } from "node:module";

const { RefreshableSession } = createRequire(import.meta.url)("refresh-session");

// The device certificate is given to each connection; these keys are never asked for.
const session = new RefreshableSession({
  method: "custom",
  customCredentials: () => ({
    access_key: "AKIA",
    secret_key: "none",
    token: "none",
    expiry_time: "2099-01-01T00:00:00Z",
  }),
});

export async function open({ port, pki, clientId, onConnect }) {
  const connection = await session.mqtt({
    endpoint: `localhost:${port}`,
    clientId,
    certificate: pki.device.certificate,
    privateKey: pki.device.privateKey,
    ca: pki.ca,
    limits: "none",
    offlineQueue: { maxMessages: 1_000 },
  });
  connection.on("connect", onConnect);
  await connection.connect();
  return {
    publish: (topic, payload) => connection.publish(topic, payload, { qos: 1 }),
    subscribe: (filter, handler) => connection.subscribe(filter, { qos: 1 }, handler),
    close: () => connection.close(),
  };
}

export const end = () => session.close();
