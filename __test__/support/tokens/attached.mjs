// Daemons in the foreground that cannot outlive the test process.

import { spawn } from "node:child_process";
import { once } from "node:events";

/** Starts one; the kernel kills it when this process ends, however that comes about. */
export function attached(command, args, options = {}) {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", command, ...args], { stdio: "ignore", ...options });
  const ended = once(child, "exit");
  return {
    pid: child.pid,
    signal(name) {
      child.kill(name);
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
