// An MQTT connection as TypeScript sees it.

import {
  type MqttConnected,
  MqttConnection,
  MqttError,
  type MqttEventMap,
  type MqttMessage,
  type MqttOptions,
  type MqttPublished,
  type MqttReasons,
  type MqttStats,
  type RefreshableSession,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

declare const session: RefreshableSession;
declare const connection: MqttConnection;
declare const signal: AbortSignal;

const options = { endpoint: "e", clientId: "c" };
holds<Same<ReturnType<typeof session.mqtt>, Promise<MqttConnection>>>();
session.mqtt({
  ...options,
  transport: "ws",
  protocolVersion: 311,
  will: { topic: "gone", payload: new Uint8Array(1), qos: 1, delaySeconds: 5, properties: { contentType: "x" } },
  customAuthorizer: { name: "a", tokenKeyName: "k", tokenValue: "v", tokenSignature: "s" },
  limits: { base: "none", inFlight: 20 },
  offlineQueue: { directory: "/var/lib/gw", fsync: "never", policy: "drop-oldest" },
  pkcs11: { library: "l", userPin: async () => "1234" },
  ca: "system",
  proxy: false,
}) satisfies Promise<MqttConnection>;
session.mqtt({ ...options, limits: "none", offlineQueue: false });
// @ts-expect-error an endpoint is needed
session.mqtt({ clientId: "c" });
// @ts-expect-error no such transport
session.mqtt({ ...options, transport: "tcp" });
// @ts-expect-error no such version
session.mqtt({ ...options, protocolVersion: 4 });
// @ts-expect-error the queue can be left out, not switched on
session.mqtt({ ...options, offlineQueue: true });
// @ts-expect-error no such option
session.mqtt({ ...options, keepAlive: 60 } satisfies MqttOptions);
// @ts-expect-error made by a session
new MqttConnection();

holds<Same<ReturnType<typeof connection.connect>, Promise<MqttConnected>>>();
connection.connect({ signal });
holds<Same<ReturnType<typeof connection.publish>, Promise<MqttPublished>>>();
connection.publish("t", "text", { qos: 1, retain: true, until: "stored", timeoutMs: 1, signal });
connection.publish("t", Buffer.from("x"), { properties: { userProperties: { a: ["1", "2"], b: "3" } } });
// @ts-expect-error AWS IoT has no QoS 2
connection.publish("t", "text", { qos: 2 });
// @ts-expect-error objects are turned into text by the caller
connection.publish("t", { a: 1 });
holds<Same<ReturnType<typeof connection.subscribe>, Promise<MqttReasons>>>();
connection.subscribe(["a", "b"] as const, { qos: 1, noLocal: true, retainHandling: 2 }, (message) => {
  holds<Same<typeof message, MqttMessage>>();
  holds<Same<typeof message.payload, Buffer>>();
  message.ack(0x80);
});
connection.subscribe("a");
connection.unsubscribe("a", { timeoutMs: 1 }) satisfies Promise<MqttReasons>;
connection.close({ drain: true, timeoutMs: 1 }) satisfies Promise<void>;
holds<Same<ReturnType<typeof connection.stats>, MqttStats>>();
holds<Same<typeof connection.clientId, string>>();
// @ts-expect-error it is not the caller's to say
connection.connected = true;

export async function all(): Promise<void> {
  await using made = await session.mqtt(options);
  for await (const { topic, payload, properties } of made.messages("a/#")) {
    holds<Same<[typeof topic, typeof payload], [string, Buffer]>>();
    properties.userProperties?.a satisfies string | string[] | undefined;
  }
}

connection
  .on("connect", ({ sessionPresent, resubscribing }) => [sessionPresent, resubscribing])
  .on("disconnect", ({ error, wasConnected, expected }) => [error.message, wasConnected, expected])
  .once("reconnecting", ({ delayMs, attempt }) => delayMs + attempt)
  .off("close", () => {});
holds<Same<MqttEventMap["dropped"], [{ readonly topic: string; readonly error: Error }]>>();
// @ts-expect-error no such event
connection.on("error", () => {});

declare const error: unknown;
if (error instanceof MqttError) error.reasonCode satisfies number | undefined;
