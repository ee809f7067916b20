// A TPM in software (swtpm) with a token of tpm2-pkcs11, without a resource manager, as on a gateway without
// /dev/tpmrm0.
//
// So whoever leaves something in the TPM when it ends takes it from the next one: tools are cleaned up after, the
// processes of sessions are not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { systemModule } from "../../children/run.mjs";
import { until } from "../waiting.mjs";
import { attached } from "./attached.mjs";
import { TestToken } from "./token.mjs";

const soPin = "12345678";

/** A running TPM whose token has these keys. `tries`: how many wrong PINs it takes; by itself, three. */
export async function tpmToken(bed, { keys = ["ec256"], tries } = {}) {
  const tpm = new TpmToken(bed);
  await tpm.start();
  if (tries !== undefined) tpm.allowTries(tries);
  tpm.tool("--slot-index", "0", "--init-token", "--label", tpm.label, "--so-pin", soPin);
  const so = ["--login", "--login-type", "so", "--so-pin", soPin];
  tpm.tool("--token-label", tpm.label, ...so, "--init-pin", "--pin", tpm.pin);
  for (const key of keys) tpm.addKey(key);
  await tpm.register();
  return tpm;
}

class TpmToken extends TestToken {
  #dir;
  #server;

  constructor(bed) {
    const dir = mkdtempSync(join(bed.dir, "tpm-"));
    const tcti = `swtpm:path=${join(dir, "sock")}`;
    super(bed, {
      module: systemModule("libtpm2_pkcs11.so", "libtpm2-pkcs11-1"),
      label: "tpm",
      name: basename(dir),
      pin: "canary-pin-tpm-4417",
      env: { TPM2_PKCS11_STORE: dir, TPM2_PKCS11_TCTI: tcti, TPM2TOOLS_TCTI: tcti, TSS2_LOG: "all+NONE" },
      afterwards: () => this.flush(),
    });
    this.#dir = dir;
  }

  /** With what it had when it was [killed](kill), as after a loss of power. */
  async start() {
    const socket = join(this.#dir, "sock");
    const at = ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`];
    const flags = ["--flags", "not-need-init,startup-clear"];
    this.#server = attached("swtpm", ["socket", "--tpm2", ...flags, "--tpmstate", `dir=${this.#dir}`, ...at]);
    await until(() => {
      try {
        return this.#run("tpm2_getrandom", "4");
      } catch {
        return undefined;
      }
    });
  }

  signal(name) {
    this.#server.signal(name);
  }

  async kill() {
    await this.#server.stop();
  }

  async stop() {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  allowTries(count) {
    this.#run("tpm2_dictionarylockout", "--setup-parameters", `--max-tries=${count}`);
  }

  /** Wrong PINs that the TPM remembers, and how many it takes. */
  tries() {
    const properties = this.#run("tpm2_getcap", "properties-variable");
    const number = (name) => Number(new RegExp(`^${name}: (0x[0-9A-Fa-f]+)$`, "m").exec(properties)[1]);
    return { wrong: number("TPM2_PT_LOCKOUT_COUNTER"), max: number("TPM2_PT_MAX_AUTH_FAIL") };
  }

  /** What ended processes have left in it: objects and sessions, which it has room for three of. */
  leftovers() {
    const lists = ["handles-transient", "handles-loaded-session"].map((kind) => this.#run("tpm2_getcap", kind));
    return lists.flatMap((list) => list.split("\n").filter((line) => line.startsWith("- ")));
  }

  /** Removes those: what a resource manager does when a process ends. */
  flush() {
    for (const kind of ["-t", "-l", "-s"]) this.#run("tpm2_flushcontext", kind);
  }

  /** A tool of the TPM itself, after which nothing is to be cleaned up; what it prints. */
  #run(tool, ...args) {
    const env = { ...process.env, ...this.env };
    return execFileSync(tool, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
  }
}
