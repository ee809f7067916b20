/** `whoami`: whose credentials they are, as far as their source says. */

import type { FlagValues } from "../flags";
import { sourceOf } from "../flags";
import { open, optionsOf, whence } from "../options";
import { print } from "../output";
import { told } from "../told";

/** What is known of a session's keys without asking anybody else. Holds no secret. */
interface Identity {
  method: string;
  /** What the method cannot do without: which endpoint, which role. */
  source: Record<string, string>;
  accessKeyId: string;
  expiration: string | undefined;
  account: string | undefined;
}

export async function whoami(flags: FlagValues): Promise<void> {
  const config = await optionsOf(flags);
  // It is asked for, so it is shown where it is known.
  config.options.accountId ??= true;
  await told(whence(config), async () => {
    const session = open(config.options);
    try {
      const { accessKeyId, expiration, accountId } = await session.credentials();
      const identity: Identity = {
        method: session.method,
        source: sourceOf(config.options),
        accessKeyId,
        expiration: expiration?.toISOString(),
        account: accountId,
      };
      print(flags.json === true ? `${JSON.stringify(identity)}\n` : shown(identity));
    } finally {
      await session.close();
    }
  });
}

function shown({ method, source, accessKeyId, expiration, account }: Identity): string {
  const rows = {
    method,
    source: Object.values(source).join(" "),
    "access key": accessKeyId,
    expires: expiration ?? "never",
    account: account ?? "",
  };
  return Object.entries(rows)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(12)}${value}\n`)
    .join("");
}
