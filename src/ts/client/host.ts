import type { AwsCredentialIdentityProvider } from "../types";

/** What a session lends its clients. */
export interface ClientHost {
  readonly credentials: AwsCredentialIdentityProvider;
  /** For clients whose config has no region. */
  readonly region: string | undefined;
  /** Forgets the keys with this id, if they are the ones held; whether they were. */
  invalidate(accessKeyId: string): boolean;
  /** The server's clock minus ours; 0 when unknown or not worth correcting. */
  clockOffsetMs(): number;
}
