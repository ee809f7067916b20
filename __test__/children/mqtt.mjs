// An MQTT connection's life in a process of its own: `{ mode, options }` in, stages as JSON lines out. The end of the process is
// the answer.

import { RefreshableSession } from "refresh-session";
import { now } from "./run.mjs";

const { mode, options } = JSON.parse(process.argv[2]);
const say = (stage, fields = {}) => console.log(JSON.stringify({ stage, at: now(), ...fields }));

const customCredentials = () => new Promise(() => {});
const session = new RefreshableSession({ method: "custom", customCredentials, onWarning: () => {} });
const connection = await session.mqtt(options);

const modes = {
  "never connected": () => {},
  closed: async () => {
    await connection.connect();
    await connection.close();
  },
  disconnected: async () => {
    await connection.connect();
    await connection.disconnect();
  },
  "closed while it tries": async () => {
    const connecting = connection.connect().catch(({ code }) => say("rejected", { code }));
    await new Promise((resolve) => connection.once("disconnect", resolve));
    await connection.close();
    await connecting;
  },
  "disconnected while it tries": async () => {
    const connecting = connection.connect().catch(({ code }) => say("rejected", { code }));
    await new Promise((resolve) => connection.once("disconnect", resolve));
    await connection.disconnect();
    await connecting;
  },
  "the session is closed": async () => {
    await connection.connect();
    await session.close();
    say("closed", { closed: connection.closed });
  },
  "open, until a message comes": async () => {
    await connection.connect();
    await connection.subscribe("end", {}, () => {
      say("message");
      connection.close();
    });
    // Nothing but the connection holds the process, and nobody holds the connection.
    connection.publish("end", "");
  },
  "a listener throws": async () => {
    process.on("uncaughtException", ({ message }) => say("uncaught", { message }));
    connection.on("connect", () => {
      throw new Error("connect");
    });
    await connection.connect();
    const handler = () => {
      throw new Error("handler");
    };
    // Nobody else's: other tests publish to the same broker.
    const topic = connection.clientId;
    await connection.subscribe(topic, {}, handler);
    await connection.publish(topic, "1", { qos: 1 });
    await connection.publish(topic, "2", { qos: 1 });
    await connection.close();
  },
};

await modes[mode]();
say("done");
