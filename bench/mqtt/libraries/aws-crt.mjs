import { once } from "node:events";
import { createRequire } from "node:module";
import { peers } from "../peers.mjs";

const { io, mqtt5 } = createRequire(peers)("aws-crt");

let tls;

export async function open({ port, pki, clientId, onConnect }) {
  // One for all clients of the process, as its documentation asks for.
  tls ??= tlsContext(pki);
  const client = new mqtt5.Mqtt5Client({
    hostName: "localhost",
    port,
    tlsCtx: tls,
    connectProperties: { clientId, keepAliveIntervalSeconds: 60 },
    extendedValidationAndFlowControlOptions: mqtt5.ClientExtendedValidationAndFlowControl.None,
  });
  client.on("connectionSuccess", onConnect);
  // Without a listener each of its attempts that fails would end the process.
  client.on("error", () => {});
  client.start();
  await once(client, "connectionSuccess");
  return {
    publish: (topicName, payload) => client.publish({ topicName, payload, qos: mqtt5.QoS.AtLeastOnce }),
    subscribe: (topicFilter, handler) => {
      client.on("messageReceived", handler);
      return client.subscribe({ subscriptions: [{ topicFilter, qos: mqtt5.QoS.AtLeastOnce }] });
    },
    close: async () => {
      const stopped = once(client, "stopped");
      client.stop();
      await stopped;
      client.close();
    },
  };
}

export const end = () => {};

function tlsContext(pki) {
  const options = io.TlsContextOptions.create_client_with_mtls_from_path(pki.device.certificate, pki.device.privateKey);
  options.override_default_trust_store_from_path(undefined, pki.ca);
  return new io.ClientTlsContext(options);
}
