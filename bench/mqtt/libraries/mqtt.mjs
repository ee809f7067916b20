import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { peers } from "../peers.mjs";

const { connect } = createRequire(peers)("mqtt");

export async function open({ port, pki, clientId, onConnect }) {
  const client = connect({
    protocol: "mqtts",
    host: "localhost",
    port,
    clientId,
    protocolVersion: 5,
    cert: readFileSync(pki.device.certificate),
    key: readFileSync(pki.device.privateKey),
    ca: readFileSync(pki.ca),
  });
  client.on("connect", onConnect);
  client.on("error", () => {});
  await once(client, "connect");
  return {
    publish: (topic, payload) => client.publishAsync(topic, payload, { qos: 1 }),
    subscribe: (filter, handler) => {
      client.on("message", handler);
      return client.subscribeAsync(filter, { qos: 1 });
    },
    close: () => client.endAsync(),
  };
}

export const end = () => {};
