// Sessions on the testbed's roles, and what its STS was asked for.

import { fileURLToPath } from "node:url";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { sessionFor } from "./sessions.mjs";

export const region = "eu-west-1";

/** How every secret begins that the testbed issues. */
export const CANARIES = ["canarySECRET", "canaryTOKEN"];

// The default chain and the SDK's files are those of the machine that the tests run on, unless a test says otherwise.
for (const name of Object.keys(process.env))
  if (name.startsWith("AWS_") && !name.startsWith("AWS_SDK_")) delete process.env[name];

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The keys of an IAM user as the SDK has them. */
export const keysOf = ({ accessKeyId, secretAccessKey }) => ({ accessKeyId, secretAccessKey });

/** Options on a role of the testbed. Where they come first a function of keys is made for them, so that nothing is shared. */
export function roleOptions(bed, role = "OperatorRole", assumeRole = {}, overrides = {}) {
  const keys = keysOf(bed.iam.user);
  return {
    region,
    stsClientConfig: { endpoint: bed.sts.http },
    sourceCredentials: async () => keys,
    ...overrides,
    assumeRole: { RoleArn: bed.iam.roles[role] ?? role, RoleSessionName: "gw-0042", ...assumeRole },
  };
}

/** A session on them, closed when the test is over. */
export function roleSession(t, ...wanted) {
  return sessionFor(t, { method: "sts", ...roleOptions(...wanted) });
}

/** Who the clients of a session are, by the SDK's own request. */
export async function arnOf(bed, session) {
  const client = session.client(STSClient, { endpoint: bed.sts.http, region });
  return (await client.send(new GetCallerIdentityCommand({}))).Arn;
}

/** The ARN of an assumed role. */
export const assumed = (role, name = "gw-0042", account = "123456789012") =>
  `arn:aws:sts::${account}:assumed-role/${role}/${name}`;

/** The requests for an action of STS, in their order. */
export async function asked(bed, action = "AssumeRole") {
  const log = await bed.control("GET", "/log?event=request&service=sts");
  return log.filter(({ parameters }) => parameters?.Action === action);
}

/** The key id that a request was signed with. */
export const signerOf = ({ headers, accessKeyId }) =>
  accessKeyId ?? /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1];
