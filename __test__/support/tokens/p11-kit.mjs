// p11-kit: a token in another process.

import { existsSync, readFileSync } from "node:fs";
import { until } from "../waiting.mjs";
import { attached } from "./attached.mjs";

/** Serves the testbed's token `gw` on a socket. */
export async function p11KitServer(bed, socket) {
  const provider = ["--provider", bed.tokens.module, "--name", socket];
  const server = attached("p11-kit", ["server", "--foreground", ...provider, "pkcs11:token=gw"]);
  await until(() => existsSync(socket));
  return {
    env: { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` },
    /** To the processes that it made for its clients. */
    signal(name) {
      const workers = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
      for (const worker of workers.split(" ").filter(Boolean)) process.kill(Number(worker), name);
    },
    stop: () => server.stop(),
  };
}
