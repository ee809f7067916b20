// Says who it is with the keys it is given, and who with a role: answers, or errors' codes.

import { RefreshableSession } from "refresh-session";

const { keys, stsClientConfig, role } = JSON.parse(process.argv[2]);
const sessions = [
  { method: "custom", customCredentials: async () => keys },
  { method: "sts", assumeRole: { RoleArn: role, RoleSessionName: "gw" }, sourceCredentials: keys, stsClientConfig },
].map((options) => new RefreshableSession(options));
const said = [];
for (const session of sessions) {
  said.push(await session.whoami(stsClientConfig).catch(({ code, message }) => ({ code, message })));
}
console.log(JSON.stringify(said));
await Promise.all(sessions.map((session) => session.close()));
