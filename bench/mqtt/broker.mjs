// A mosquitto of our own: mutual TLS for the clients that are measured, and a plain listener for what feeds them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makePki } from "./pki.mjs";

const program = "/usr/sbin/mosquitto";
const attempts = 50;

/** Whether there is a broker to measure with. */
export const hasBroker = () => existsSync(program);

/** Starts a broker on two free ports: `port` with TLS, `plainPort` without. `pki` is what clients need. */
export async function startBroker() {
  const dir = await mkdtemp(join(tmpdir(), "refresh-session-mqtt-"));
  const pki = await makePki(dir);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const ports = { port: drawPort(), plainPort: drawPort() };
    const child = await run(dir, pki, ports);
    if (child !== undefined) return new Broker(dir, pki, ports, child);
  }
  throw new Error(`${program} found none of ${attempts} pairs of ports free, or does not start`);
}

class Broker {
  #dir;
  #child;

  constructor(dir, pki, ports, child) {
    this.#dir = dir;
    this.#child = child;
    this.pki = pki;
    Object.assign(this, ports);
  }

  /** As a power cut would end it. */
  async kill() {
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  /** Starts it again, on the same ports and without memory of what was; settles when it listens. */
  async restart() {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const child = await run(this.#dir, this.pki, this);
      if (child !== undefined) {
        this.#child = child;
        return;
      }
    }
    throw new Error(`port ${this.port} or ${this.plainPort} was taken while the broker was down`);
  }

  async stop() {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Mosquitto cannot be told to take any free port; this is below the range from which the kernel gives them out. */
function drawPort() {
  return 10_000 + Math.floor(Math.random() * 20_000);
}

/** The process once it listens; `undefined` if it ended before that, which is what it does when a port is taken. */
async function run(dir, pki, ports) {
  const file = join(dir, "mosquitto.conf");
  await writeFile(file, configuration(pki, ports));
  const child = spawn(program, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit").then(() => undefined);
  const listens = new Promise((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (line.endsWith(" running")) resolve(child);
    });
  });
  return Promise.race([listens, ended]);
}

function configuration(pki, { port, plainPort }) {
  // 0 is "without limit". The user is named because mosquitto, started by root, would become one that cannot read `dir`.
  return `
persistence false
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
allow_anonymous true
log_dest stderr
log_type error
log_type information
log_type notice
connection_messages false
user ${userInfo().username}
listener ${port} 127.0.0.1
cafile ${pki.ca}
certfile ${pki.server.certificate}
keyfile ${pki.server.privateKey}
require_certificate true
listener ${plainPort} 127.0.0.1
`;
}
