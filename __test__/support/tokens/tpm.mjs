// A TPM in software (swtpm), with tpm2-pkcs11 on it.
//
// There is no resource manager, so whoever leaves something in the TPM when it ends takes it from the next one: tools
// are cleaned up after, the processes of sessions are not.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemModule } from "../../children/run.mjs";
import { until } from "../waiting.mjs";
import { attached } from "./attached.mjs";
import { TestToken } from "./token.mjs";

const soPin = "12345678";

/** A TPM with a token that has a key of each kind. */
export async function tpmToken(bed) {
  const [state, store, socket] = ["tpm", "tpm-store", "tpm.sock"].map((name) => join(bed.dir, name));
  for (const folder of [state, store]) mkdirSync(folder);
  const at = ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`];
  const flags = ["--flags", "not-need-init,startup-clear"];
  const tpm = attached("swtpm", ["socket", "--tpm2", ...flags, "--tpmstate", `dir=${state}`, ...at]);

  const tcti = `swtpm:path=${socket}`;
  const tool = (name, ...args) =>
    execFileSync(name, ["--tcti", tcti, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  await until(() => succeeds(() => tool("tpm2_getrandom", "4")));

  const token = new TestToken(bed, {
    module: systemModule("libtpm2_pkcs11.so", "libtpm2-pkcs11-1"),
    label: "tpm",
    pin: "canary-pin-tpm-4417",
    env: { TPM2_PKCS11_STORE: store, TPM2_PKCS11_TCTI: tcti, TSS2_LOG: "all+NONE" },
    afterwards: () => {
      for (const kind of ["-t", "-l", "-s"]) tool("tpm2_flushcontext", kind);
    },
  });
  token.tool("--slot-index", "0", "--init-token", "--label", token.label, "--so-pin", soPin);
  const so = ["--login", "--login-type", "so", "--so-pin", soPin];
  token.tool("--token-label", token.label, ...so, "--init-pin", "--pin", token.pin);
  token.addKey("ec256").addKey("rsa2048");

  /** Wrong PINs that the TPM remembers, and how many it takes. Nobody else may be connected to it. */
  token.tries = () => {
    const properties = tool("tpm2_getcap", "properties-variable");
    const number = (name) => Number(new RegExp(`^${name}: (0x[0-9A-Fa-f]+)$`, "m").exec(properties)[1]);
    return { wrong: number("TPM2_PT_LOCKOUT_COUNTER"), max: number("TPM2_PT_MAX_AUTH_FAIL") };
  };
  token.stop = () => tpm.stop();
  return token;
}

function succeeds(action) {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
