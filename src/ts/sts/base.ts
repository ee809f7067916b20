import { beside } from "../beside";
import { keysOf, ShapeError } from "../custom/shape";
import { ConfigurationError } from "../errors";
import { refused } from "../options/check";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "../types";

const PEER = "@aws-sdk/credential-providers";

/** Where the keys that AssumeRole is signed with come from. */
export interface BaseOptions {
  sourceCredentials: AwsCredentialIdentityProvider | AwsCredentialIdentity | undefined;
  profile: string | undefined;
}

/** The provider of those keys. One for each profile, so that sessions on it share what they fetch. */
export function baseProvider({ sourceCredentials, profile }: BaseOptions): AwsCredentialIdentityProvider {
  if (typeof sourceCredentials === "function") return sourceCredentials;
  if (sourceCredentials !== undefined) return fixed(sourceCredentials);
  seeThatPeerIsThere(profile);
  const known = ofProfiles.get(profile) ?? lazily(profile);
  ofProfiles.set(profile, known);
  return known;
}

/** Where they come from, in a word. */
export function sourceOf({ sourceCredentials, profile }: BaseOptions): string {
  if (sourceCredentials !== undefined) return "source-credentials";
  return profile === undefined ? "default-chain" : "profile";
}

/** By profile; `undefined` is the default chain. */
const ofProfiles = new Map<string | undefined, AwsCredentialIdentityProvider>();

/** Keys as they are now: what their owner changes later has no effect. */
function fixed(keys: AwsCredentialIdentity): AwsCredentialIdentityProvider {
  let copy: AwsCredentialIdentity;
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = keysOf(keys, false);
    copy = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration: new Date(expiration) }),
    };
  } catch (thrown) {
    if (thrown instanceof ShapeError) throw refused("sourceCredentials", `holds no credentials: ${thrown.message}`);
    throw thrown;
  }
  return async () => copy;
}

/** The SDK's provider, loaded and made when it is first asked; if that fails, when it is asked again. */
function lazily(profile: string | undefined): AwsCredentialIdentityProvider {
  let made: Promise<AwsCredentialIdentityProvider> | undefined;
  return async (properties) => {
    made ??= load(profile).catch((failure) => {
      made = undefined;
      throw failure;
    });
    return (await made)(properties);
  };
}

async function load(profile: string | undefined): Promise<AwsCredentialIdentityProvider> {
  const { fromIni, fromNodeProviderChain } = beside(PEER);
  return profile === undefined ? fromNodeProviderChain() : fromIni({ profile });
}

function seeThatPeerIsThere(profile: string | undefined): void {
  try {
    beside.resolve(PEER);
  } catch {
    const wanted = profile === undefined ? "no `sourceCredentials` are given" : "`profile` is given";
    throw new ConfigurationError({
      code: "ERR_MISSING_PEER",
      message: `${wanted}, so that the SDK's providers are needed, and ${PEER} is not installed`,
      hint: `Run: npm install ${PEER}. Or give \`sourceCredentials\`.`,
      param: profile === undefined ? "sourceCredentials" : "profile",
    });
  }
}
