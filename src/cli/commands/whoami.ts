/** `whoami`: whose credentials they are, as their source and as STS says. */

import { RefreshError } from "../../ts/errors";
import type { RefreshableSession } from "../../ts/RefreshableSession";
import { textOf } from "../exit";
import type { FlagValues } from "../flags";
import { sourceOf } from "../flags";
import { open, optionsOf, whence } from "../options";
import { print } from "../output";
import { told } from "../told";

/** Whose keys they are. Holds no secret. */
interface Identity extends Asked {
  method: string;
  /** What the method cannot do without: which endpoint, which role. */
  source: Record<string, string>;
  accessKeyId: string;
  expiration: string | undefined;
  account: string | undefined;
}

/** What STS says, or why it does not. */
interface Asked {
  arn?: string | undefined;
  userId?: string | undefined;
  account?: string | undefined;
  unknown?: string;
}

export async function whoami(flags: FlagValues): Promise<void> {
  const config = await optionsOf(flags);
  // It is asked for, so it is shown where it is known.
  config.options.accountId ??= true;
  await told(whence(config), async () => {
    const session = open(config.options);
    try {
      const { accessKeyId, expiration, accountId } = await session.credentials();
      const asked = flags.offline === true ? {} : await askSts(session, flags.identityEndpoint);
      const identity: Identity = {
        method: session.method,
        source: sourceOf(config.options),
        accessKeyId,
        expiration: expiration?.toISOString(),
        ...asked,
        account: asked.account ?? accountId,
      };
      print(flags.json === true ? `${JSON.stringify(identity)}\n` : shown(identity));
    } finally {
      await session.close();
    }
  });
}

/** The credentials are good whether or not STS can be reached: that is told, and is no failure. */
async function askSts(session: RefreshableSession, endpoint: unknown): Promise<Asked> {
  try {
    const { Account, Arn, UserId } = await session.getCallerIdentity(
      typeof endpoint === "string" ? { endpoint } : undefined,
    );
    return { account: Account, arn: Arn, userId: UserId };
  } catch (error) {
    if (!(error instanceof RefreshError)) throw error;
    return { unknown: textOf(error) };
  }
}

function shown({ method, source, accessKeyId, expiration, account, arn, userId, unknown }: Identity): string {
  const rows = {
    method,
    source: Object.values(source).join(" "),
    "access key": accessKeyId,
    expires: expiration ?? "never",
    account: account ?? "",
    arn: arn ?? "",
    "user id": userId ?? "",
    "not known": unknown ?? "",
  };
  return Object.entries(rows)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(12)}${value}\n`)
    .join("");
}
