// The public types in a project that has neither Node's types nor the library of disposables.

import { fromIot, RefreshableSession, RefreshError } from "refresh-session";

const options = { endpoint: "e", roleAlias: "r", certificate: "c", privateKey: "k" };

export const provider: () => Promise<{ accessKeyId: string; expiration?: Date }> = fromIot(options);

export async function use(): Promise<string> {
  await using session = new RefreshableSession({ method: "iot", ...options });
  try {
    return (await session.refreshableCredentials()).expiryTime;
  } catch (error) {
    return error instanceof RefreshError ? error.code : "";
  }
}
