// A TPM in software (swtpm) with a token of tpm2-pkcs11: no resource manager, as on a gateway without /dev/tpmrm0.
//
// It serves one connection at a time, and a process keeps its own from C_Initialize to the end.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { systemModule } from "../children/run.mjs";
import { until } from "./waiting.mjs";

const run = promisify(execFile);

const PIN = "canary-pin-tpm";
const SO_PIN = "so-pin-12345678";
const LABEL = "tpm";
const ID = "01";

/** Starts one with a token and an EC key whose certificate `bed` knows. */
export async function startTpm(bed) {
  const tpm = new Tpm(bed);
  await tpm.start();
  try {
    await tpm.provision();
  } catch (error) {
    await tpm.stop();
    throw error;
  }
  return tpm;
}

class Tpm {
  label = LABEL;
  pin = PIN;
  module = systemModule("libtpm2_pkcs11.so", "libtpm2-pkcs11-1");
  /** For the process that uses it. */
  env;
  #bed;
  #dir;
  #socket;
  #process;

  constructor(bed) {
    this.#bed = bed;
    this.#dir = mkdtempSync(join(bed.dir, "tpm-"));
    this.#socket = join(this.#dir, "sock");
    const tcti = `swtpm:path=${this.#socket}`;
    const paths = { TPM2_PKCS11_STORE: this.#dir, TPM2_PKCS11_TCTI: tcti, TPM2TOOLS_TCTI: tcti };
    this.env = { ...paths, TSS2_LOG: "all+NONE" };
  }

  /** Options of a session whose key is in it. */
  options(pkcs11 = {}, overrides = {}) {
    const key = { library: this.module, tokenLabel: LABEL, privateKeyId: ID, userPin: PIN, ...pkcs11 };
    return { ...this.#bed.base(), certificate: join(this.#dir, "cert.pem"), pkcs11: key, ...overrides };
  }

  async start() {
    this.#process = spawn(
      "swtpm",
      [
        ...["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate", `dir=${this.#dir}`],
        ...["--server", `type=unixio,path=${this.#socket}`, "--ctrl", `type=unixio,path=${this.#socket}.ctrl`],
      ],
      { stdio: "ignore" },
    );
    await once(this.#process, "spawn");
    await until(() =>
      this.tool("tpm2_getrandom", "4").then(
        () => true,
        () => false,
      ),
    );
  }

  signal(name) {
    this.#process.kill(name);
  }

  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  async stop() {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A program, as one more user of the TPM; what it prints. */
  async tool(program, ...args) {
    return (await run(program, args, { env: { ...process.env, ...this.env }, timeout: 20_000 })).stdout;
  }

  /** What ended processes have left in it: objects and sessions, which it has room for three of. */
  async leftovers() {
    const kinds = ["handles-transient", "handles-loaded-session"];
    const lists = [];
    for (const kind of kinds) lists.push(await this.tool("tpm2_getcap", kind));
    return lists.flatMap((list) => list.split("\n").filter((line) => line.startsWith("- ")));
  }

  /** Removes those: what a resource manager does when a process ends. */
  async flush() {
    for (const kind of ["-t", "-l", "-s"]) await this.tool("tpm2_flushcontext", kind);
  }

  /** How many wrong PINs it has counted. */
  async lockoutCounter() {
    const properties = await this.tool("tpm2_getcap", "properties-variable");
    return Number(/LOCKOUT_COUNTER: (0x[0-9A-F]+)/.exec(properties)[1]);
  }

  async provision() {
    // A TPM that loses its power after somebody logged in counts that as a wrong PIN; three are too few here.
    await this.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=100");
    const tool = async (...args) => {
      await this.tool("pkcs11-tool", "--module", this.module, ...args);
      await this.flush();
    };
    const [token, user] = [
      ["--token-label", LABEL],
      ["--login", "--pin", PIN],
    ];
    await tool("--slot-index", "0", "--init-token", "--label", LABEL, "--so-pin", SO_PIN);
    await tool(...token, "--login", "--login-type", "so", "--so-pin", SO_PIN, "--init-pin", "--pin", PIN);
    await tool(...token, ...user, "--keypairgen", "--key-type", "EC:prime256v1", "--id", ID, "--label", "key");
    const file = (name) => join(this.#dir, name);
    await tool(...token, ...user, "--read-object", "--type", "pubkey", "--id", ID, "-o", file("key.der"));
    writeFileSync(file("extensions.cnf"), "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
    const { deviceCa, deviceCaKey } = this.#bed.pki;
    await run("openssl", ["pkey", "-pubin", "-inform", "DER", "-in", file("key.der"), "-out", file("key.pem")]);
    await run("openssl", [
      ...["x509", "-new", "-force_pubkey", file("key.pem"), "-subj", "/CN=tpm", "-days", "90"],
      ...["-CA", deviceCa, "-CAkey", deviceCaKey, "-extfile", file("extensions.cnf"), "-out", file("cert.pem")],
    ]);
    await this.register();
  }

  /** The testbed forgets it with everything else. */
  async register() {
    const pem = readFileSync(join(this.#dir, "cert.pem"), "utf8");
    await this.#bed.control("PUT", `/certificates/${basename(this.#dir)}`, {
      pem,
      status: "active",
      things: [this.#bed.thing],
    });
  }
}
