// A device whose clock is wrong from its start: keys of IoT, an SDK client, a role of another account. Says how it went.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { RefreshableSession } from "refresh-session";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
const { iot, sts, user, roles } = JSON.parse(process.argv[2]);
const said = { now: Date.now() };
const stsClientConfig = { region: "eu-west-1", endpoint: sts };
const role = (RoleArn, sourceCredentials) =>
  new RefreshableSession({
    method: "sts",
    assumeRole: { RoleArn, RoleSessionName: "gw-0042" },
    sourceCredentials,
    stsClientConfig,
  });

// Before anybody has told the time: STS is on plain HTTP, so its word is for itself only.
const alone = role(roles.OperatorRole, user);
said.alone = await alone.whoami();
said.failuresAlone = alone.status().failures;
await alone.close();

const gateway = new RefreshableSession(iot);
const { expiration } = await gateway.credentials();
said.clockOffsetMs = gateway.status().clockOffsetMs;
said.leftMs = expiration.getTime() - Date.now();
said.fetches = gateway.status().fetches;
const answer = await gateway.client(STSClient, stsClientConfig).send(new GetCallerIdentityCommand({}));
said.client = { Arn: answer.Arn, attempts: answer.$metadata.attempts };
said.whoami = await gateway.whoami(stsClientConfig);

const fleet = role(roles.FleetRole, gateway.credentials);
said.fleet = await fleet.whoami();
said.ofFleet = (await fleet.client(STSClient, stsClientConfig).send(new GetCallerIdentityCommand({}))).Arn;
said.fleetFailures = fleet.status().failures;

console.log(JSON.stringify(said));
await fleet.close();
await gateway.close();
