// A process in a network of its own in which ECS's address is this machine's: nothing outside is ever asked. Started
// within `unshare`; tells the path that a session asked there.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { RefreshableSession } from "../../dist/index.mjs";

const { env, options } = JSON.parse(process.argv[2]);
const ip = (...args) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
ip("link", "set", "lo", "up");
ip("addr", "add", "169.254.170.2/32", "dev", "lo");

const asked = [];
const server = createServer(({ url, headers }, reply) => {
  asked.push({ url, host: headers.host, authorization: headers.authorization });
  const Expiration = new Date(Date.now() + 3_600_000).toISOString();
  reply.end(JSON.stringify({ AccessKeyId: "ASIAECS", SecretAccessKey: "canary", Token: "canary", Expiration }));
}).listen(80, "169.254.170.2");
await once(server, "listening");

Object.assign(process.env, env);
const session = new RefreshableSession({ method: "container", region: "eu-west-1", ...options });
const answer = await session.credentials().then(
  ({ accessKeyId }) => ({ accessKeyId }),
  ({ code, message }) => ({ code, message }),
);
await session.close();
server.close();
process.send({ type: "done", asked, ...answer });
process.disconnect();
