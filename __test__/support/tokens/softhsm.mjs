// Tokens of SoftHSM beside those that the testbed makes.

import { execFileSync } from "node:child_process";
import { TestToken } from "./token.mjs";

/** An empty one. */
export function softhsmToken(bed, label, pin) {
  const init = ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", pin];
  execFileSync("softhsm2-util", init, { env: { ...process.env, SOFTHSM2_CONF: bed.tokens.conf }, stdio: "ignore" });
  return new TestToken(bed, { module: bed.tokens.module, label, pin });
}

/** The testbed's own token `gw`, reached through another module; or one that this module does not have. */
export function viaModule(bed, module, env, label = bed.tokens.tokens.gw.label) {
  const { pin, keys } = bed.tokens.tokens.gw;
  const token = new TestToken(bed, { module, label, pin, env });
  for (const [name, key] of Object.entries(keys)) token.keys[name] = { ...key, device: `hsm-${name}` };
  // The testbed knows them, and does not forget.
  token.register = async () => {};
  return token;
}
