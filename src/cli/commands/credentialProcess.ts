/** `credential-process`: one set of keys as `credential_process` of an AWS profile wants it. */

import type { AwsCredentialIdentity } from "../../ts/types";
import type { FlagValues } from "../flags";
import { open, optionsOf, whence } from "../options";
import { print } from "../output";
import { told } from "../told";

export async function credentialProcess(flags: FlagValues): Promise<void> {
  const config = await optionsOf(flags);
  await told(whence(config), async () => {
    const session = open(config.options);
    try {
      const keys = await session.credentials();
      print(`${JSON.stringify(contract(keys))}\n`);
    } finally {
      await session.close();
    }
  });
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html */
function contract({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiration,
  accountId,
}: AwsCredentialIdentity): object {
  return {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    // To the second: not every reader takes fractions.
    Expiration: expiration?.toISOString().replace(/\.\d+Z$/, "Z"),
    AccountId: accountId,
  };
}
