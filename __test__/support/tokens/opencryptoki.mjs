// opencryptoki's software token.
//
// The daemon and its state are the system's. So there is a system for each test process: namespaces in which the
// folders it writes to are empty. Nothing outside is touched, a daemon that runs there is no hindrance, and all of it is
// gone with the last process inside.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemModule } from "../../children/run.mjs";
import { until } from "../waiting.mjs";
import { attached } from "./attached.mjs";
import { TestToken } from "./token.mjs";

/** That of every token that was not initialised yet. */
const soPin = "87654321";
const namespaces = ["--mount", "--ipc"];

const config = "version opencryptoki-3.8\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n";

const prepare = `set -e
mount --bind "$1" /etc/opencryptoki/opencryptoki.conf
for folder in /run /dev/shm /var/lib/opencryptoki; do mount -t tmpfs none "$folder"; done
mkdir -p /run/lock/opencryptoki/swtok /var/lib/opencryptoki/swtok/TOK_OBJ
chgrp -R pkcs11 /run/lock/opencryptoki /var/lib/opencryptoki
chmod -R 770 /run/lock/opencryptoki /var/lib/opencryptoki
exec pkcsslotd -f
`;

/** Why there can be none here, if that is so. */
export function whyNoOpencryptoki() {
  if (process.getuid() !== 0) return "needs root";
  const { status } = spawnSync("unshare", [...namespaces, "mount", "-t", "tmpfs", "none", "/run"]);
  return status === 0 ? undefined : "needs namespaces of its own (CAP_SYS_ADMIN)";
}

/** A token with a key of each kind that this version can make. */
export async function opencryptokiToken(bed) {
  const file = join(bed.dir, "opencryptoki.conf");
  writeFileSync(file, config);
  const daemon = attached("unshare", [...namespaces, "sh", "-c", prepare, "sh", file]);
  const token = new TestToken(bed, {
    module: systemModule("libopencryptoki.so", "opencryptoki"),
    label: "opencryptoki",
    pin: "12345678",
    within: ["nsenter", "--target", String(daemon.pid), ...namespaces, "--"],
  });
  token.stop = () => daemon.stop();
  await until(() => attempt(() => token.tool("--list-slots")).ok);

  token.tool("--slot-index", "0", "--init-token", "--label", token.label, "--so-pin", soPin);
  const so = ["--login", "--login-type", "so", "--so-pin", soPin];
  token.tool("--token-label", token.label, ...so, "--init-pin", "--pin", token.pin);
  token.addKey("rsa2048");
  if (/ECDSA-KEY-PAIR-GEN/.test(token.tool("--slot-index", "0", "--list-mechanisms"))) token.addKey("ec256");

  /** As the addon's hint says. It makes the token forget wrong ones. */
  token.unlock = () => token.run("pkcsconf", "-c", "0", "-u", "-S", soPin, "-n", token.pin);

  const wrong = ["--token-label", token.label, "--login", "--pin", "00000000", "--list-objects"];
  /** Spends so many tries, from outside of every session. */
  token.spend = (tries) => {
    for (let n = 0; n < tries; n++) if (attempt(() => token.tool(...wrong)).ok) throw new Error("a wrong PIN is right");
  };
  /** What the token says of its PIN. */
  token.flags = () => /token flags\s*: (.*)/.exec(token.tool("--list-slots"))[1];
  return token;
}

function attempt(action) {
  try {
    action();
    return { ok: true };
  } catch (error) {
    return { ok: false, error };
  }
}
