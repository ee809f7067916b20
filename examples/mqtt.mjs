// A gateway that publishes its readings over MQTT, with the key of its session, through whatever the link does.
//
//   node examples/mqtt.mjs OPTIONS.json READINGS
//
// OPTIONS.json holds `session`, the options of the session; `mqtt`, those of the connection; and `topic`.

import { readFileSync } from "node:fs";
import { RefreshableSession } from "refresh-session";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const readings = Number(process.argv[3]);

const session = new RefreshableSession(options.session);
const connection = await session.mqtt(options.mqtt);
connection.on("connect", ({ sessionPresent }) => {
  console.log(`  connected      as ${connection.clientId}, ${sessionPresent ? "the" : "a new"} session`);
});
connection.on("disconnect", ({ error, expected }) => expected || console.log(`  lost           ${error.message}`));
connection.on("reconnecting", ({ delayMs }) => console.log(`  back in        ${(delayMs / 1000).toFixed(1)} s`));

await connection.connect();
const echoes = new Set();
await connection.subscribe(options.topic, { qos: 1 }, ({ payload }) => echoes.add(JSON.parse(payload).reading));

// Each promise is kept: it settles when the server has the message, however many connections that takes.
const kept = [];
for (let reading = 1; reading <= readings; reading++) {
  kept.push(connection.publish(options.topic, JSON.stringify({ reading, celsius: 21.5 }), { qos: 1 }));
}
await Promise.all(kept);
console.log(`  acknowledged   ${kept.length} of ${readings} readings`);

await connection.close({ drain: true });
const { connections, repeated } = connection.stats();
console.log(
  `  in all         ${connections} connections, ${repeated} readings sent again, ${echoes.size} seen by ourselves`,
);
await session.close();
process.exitCode = kept.length === readings && connections > 1 ? 0 : 1;
