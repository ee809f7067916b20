// A device that dies: it connects with a will, says so, and waits for its end.

import { RefreshableSession } from "refresh-session";

const { session, connection } = JSON.parse(process.argv[2]);
const up = await new RefreshableSession(session).mqtt(connection);
await up.connect();
console.log("up");
