// mosquitto, a real broker: with client certificates over TLS, and where its build has it, WebSocket over TLS.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "./waiting.mjs";

const PROGRAM = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].find(existsSync);

/** Why there is none here. */
export const whyNoMosquitto = PROGRAM === undefined ? "no mosquitto" : undefined;

/** Whether it takes WebSocket. */
export const hasWebSocket = PROGRAM !== undefined && readFileSync(PROGRAM).includes("Opening websockets listen socket");

/** A broker that speaks this version of TLS alone, with a certificate of the testbed's device CA. */
export async function startMosquitto(bed, { tlsVersion = "1.3" } = {}) {
  const broker = new Mosquitto(bed, tlsVersion);
  for (let attempt = 0; attempt < 50; attempt++) {
    broker.choose();
    if (await broker.start()) return broker;
  }
  throw new Error(`mosquitto does not start: ${broker.lines.join("\n")}`);
}

let started = 0;

class Mosquitto {
  #dir;
  #env;
  #bed;
  #process;
  #exited;

  constructor(bed, tlsVersion) {
    this.#bed = bed;
    this.#dir = mkdtempSync(join(bed.dir, "mosquitto-"));
    mkdirSync(join(this.#dir, "kept"));
    this.ca = bed.pki.deviceCa;
    this.lines = [];
    // It can be told the least version alone.
    const openssl = join(this.#dir, "openssl.cnf");
    const only = `MinProtocol = TLSv${tlsVersion}\nMaxProtocol = TLSv${tlsVersion}\n`;
    writeFileSync(openssl, `openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n${only}`);
    this.#env = { ...process.env, OPENSSL_CONF: openssl };
    this.#certify();
  }

  /**
   * It cannot be told to choose ports. So they are chosen here, below those that the system gives away and on an address
   * of the loopback network that nobody else has a use for; the broker says itself whether it has got them.
   */
  choose() {
    started += 1;
    const number = (process.pid * 61 + started * 211) % 0xffff;
    this.address = `127.${77 + (started % 100)}.${number >> 8}.${number & 0xff || 1}`;
    this.port = 20_000 + (number % 12_000);
  }

  /** Options of a connection to it. */
  options(more = {}) {
    return { endpoint: `${this.address}:${this.port}`, serverName: "localhost", ca: this.ca, ...more };
  }

  /** The same for WebSocket. */
  web(more = {}) {
    const endpoint = `${this.address}:${this.port + 1}`;
    return this.options({ endpoint, transport: "ws", region: "eu-west-1", ...more });
  }

  /** Whether it runs: it may not get its ports. */
  async start() {
    const tls = `certfile ${join(this.#dir, "server.pem")}\nkeyfile ${join(this.#dir, "server.key")}\n`;
    const mutual = `cafile ${this.ca}\nrequire_certificate true\nuse_identity_as_username true\n`;
    const web = hasWebSocket ? `listener ${this.port + 1} ${this.address}\nprotocol websockets\n${tls}` : "";
    const kept = `persistence true\npersistence_location ${join(this.#dir, "kept")}/\n`;
    const settings = `user ${userInfo().username}\nallow_anonymous true\n${kept}`;
    const file = join(this.#dir, "mosquitto.conf");
    writeFileSync(file, `${settings}listener ${this.port} ${this.address}\n${tls}${mutual}${web}`);
    const child = spawn(PROGRAM, ["-v", "-c", file], { env: this.#env, stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    this.#exited = once(child, "exit");
    const said = new Promise((resolve) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.lines.push(line);
        if (line.endsWith(" running")) resolve(true);
      });
    });
    return Promise.race([said, this.#exited.then(() => false)]);
  }

  /** Ends it: `SIGTERM` has it write down sessions and retained messages, `SIGKILL` not. */
  async stop(signal = "SIGTERM") {
    this.#process.kill(signal);
    await this.#exited;
  }

  /** The same ports again. Nobody else wants them, but they may not be free in the same moment. */
  restart() {
    return until(() => this.start());
  }

  /** What it has written down about a client. */
  about(clientId) {
    return this.lines.filter((line) => line.includes(clientId));
  }

  #certify() {
    const at = (name) => join(this.#dir, name);
    writeFileSync(at("extensions"), "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n");
    const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
    const params = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mosquitto"];
    openssl("req", "-new", ...params, "-keyout", at("server.key"), "-out", at("server.csr"));
    const { deviceCa, deviceCaKey } = this.#bed.pki;
    const ca = ["-CA", deviceCa, "-CAkey", deviceCaKey, "-CAserial", at("serial"), "-CAcreateserial"];
    const made = ["-in", at("server.csr"), "-out", at("server.pem"), "-days", "2", "-extfile", at("extensions")];
    openssl("x509", "-req", ...ca, ...made);
  }
}
