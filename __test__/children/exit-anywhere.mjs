// Ends the process some milliseconds into a fetch: somewhere in opening the token, the handshake or the reply.

import { RefreshableSession } from "../../dist/index.mjs";

const { options, ms } = JSON.parse(process.argv[2]);
new RefreshableSession(options).credentials().catch(() => {});
if (ms === 0) process.exit(7);
setTimeout(() => process.exit(7), ms);
setInterval(() => {}, 1000);
