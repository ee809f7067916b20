// The public types in a project that has neither Node's types nor the library of disposables.

import { fromCustom, fromIot, RefreshableSession, RefreshError, refreshable, setDefaultSession } from "refresh-session";

const options = { endpoint: "e", roleAlias: "r", certificate: "c", privateKey: "k" };

export const provider: () => Promise<{ accessKeyId: string; expiration?: Date }> = fromIot(options);
export const wrapped: typeof provider = refreshable(fromCustom(async (_, { signal }) => keys(signal)));

async function keys(signal: AbortSignal): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  return (await fetch("https://a.example", { signal })).json();
}

/** Shaped like an SDK client, which this project does not have. */
class Client {
  config = {};
  middlewareStack = {};
  constructor(readonly given: { region?: string }) {}
  async send(): Promise<string> {
    return "";
  }
  destroy(): void {}
}

export async function use(): Promise<string | undefined> {
  await using session = new RefreshableSession({ method: "iot", ...options, clientCache: { policy: "lfu" } });
  setDefaultSession(session);
  session.on("refresh", ({ accessKeyId }) => accessKeyId).once("close", () => {});
  session.emit("close");
  try {
    await session.ready();
    const client: Client = session.client(Client, { region: "eu-west-1" });
    for (const [key] of session.cache) await client.send().then(() => key);
    const connection = await session.mqtt({ endpoint: "e", clientId: "c" });
    connection.on("message", ({ payload }) => payload.length);
    return session.status().expiresAt?.toISOString() ?? (await session.refreshableCredentials()).expiryTime;
  } catch (error) {
    return error instanceof RefreshError ? error.code : "";
  }
}
