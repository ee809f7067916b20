// A real broker for a test file: mosquitto, with TLS and client certificates of a CA of its own.

import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = "/usr/sbin/mosquitto";

/** Whether it is installed. */
export const installed = existsSync(BINARY);

/** Starts one. `clientCa`: PEM file of who issues the clients' certificates; `settings`: lines of its configuration. */
export async function startMosquitto({ clientCa = undefined, settings = [] } = {}) {
  const dir = await mkdtemp(join(tmpdir(), "refresh-session-mosquitto-"));
  const file = (name) => join(dir, name);
  issue(dir);
  if (clientCa !== undefined) await writeFile(file("clients.pem"), await readFile(clientCa));
  // It binds what it is given, and says nothing of what it chose: one that is taken ends it, and another is tried.
  for (let tries = 0; tries < 20; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const lines = [
      `listener ${port} 127.0.0.1`,
      `cafile ${file(clientCa === undefined ? "ca.pem" : "clients.pem")}`,
      `certfile ${file("server.pem")}`,
      `keyfile ${file("server.key")}`,
      "require_certificate true",
      "allow_anonymous true",
      `user ${userInfo().username}`,
      ...settings,
    ];
    await writeFile(file("mosquitto.conf"), `${lines.join("\n")}\n`);
    const child = spawn(BINARY, ["-c", file("mosquitto.conf")], { stdio: ["ignore", "ignore", "pipe"] });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    if (!(await runs(child, exited))) continue;
    return {
      endpoint: `localhost:${port}`,
      ca: file("ca.pem"),
      certificate: file("client.pem"),
      privateKey: file("client.key"),
      /** As if the power was cut. */
      async kill() {
        child.kill("SIGKILL");
        await exited;
      },
      async stop() {
        child.kill();
        await exited;
        await rm(dir, { recursive: true, force: true });
      },
    };
  }
  throw new Error("mosquitto did not start");
}

function issue(dir) {
  const openssl = (...args) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "90");
  for (const name of ["server", "client"]) {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost"];
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, ...subject);
    const issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...issuer, "-out", `${name}.pem`, "-days", "90");
  }
}

/** Whether it gets as far as that. */
function runs(child, exited) {
  const lines = createInterface({ input: child.stderr });
  const running = new Promise((resolve) => {
    lines.on("line", (line) => line.endsWith(" running") && resolve(true));
  });
  return Promise.race([running, exited.then(() => false)]);
}
