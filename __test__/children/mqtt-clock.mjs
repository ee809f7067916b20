// A device whose clock is wrong from its start: WebSockets of a session that nobody has told the time and of one that the
// endpoint has, and a connection by certificate. Says what came back over each, and how many attempts failed.

import { once } from "node:events";
import { RefreshableSession } from "refresh-session";

const { iot, user, web, endpoint } = JSON.parse(process.argv[2]);

async function echo(session, options) {
  const connection = await session.mqtt(options);
  const failures = [];
  connection.on("disconnect", ({ error, expected }) => expected || failures.push(error.message));
  await connection.connect();
  const topic = `${options.clientId}/echo`;
  await connection.subscribe(topic, { qos: 1 });
  const message = once(connection, "message");
  await connection.publish(topic, "echo", { qos: 1 });
  const [{ payload }] = await message;
  await connection.close();
  return [payload.toString(), failures.length];
}

const at = Date.now();
const alone = new RefreshableSession({ method: "custom", customCredentials: async () => user });
const gateway = new RefreshableSession(iot);
const said = {
  alone: await echo(alone, { ...web, clientId: `alone-${at}` }),
  gateway: await echo(gateway, { ...web, clientId: `gateway-${at}` }),
  certificate: await echo(gateway, { endpoint, clientId: `certificate-${at}` }),
};
console.log(JSON.stringify(said));
await Promise.all([alone.close(), gateway.close()]);
