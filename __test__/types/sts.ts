// Options of roles and containers: what must compile, and what must not.

import {
  type AssumeRole,
  fromAssumeRole,
  fromContainer,
  fromWebIdentity,
  type MfaTokenProvider,
  RefreshableSession,
} from "refresh-session";

const role = { RoleArn: "arn:aws:iam::123456789012:role/Gateway" };
const assumeRole: AssumeRole = {
  ...role,
  RoleSessionName: "gw-0042",
  PolicyArns: [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }],
  Tags: [{ Key: "site", Value: "7" }],
  TransitiveTagKeys: ["site"],
  SerialNumber: "GAHT12345678",
};
const keys = { accessKeyId: "AKIA", secretAccessKey: "s" };

const byDefault = new RefreshableSession({ assumeRole, sourceCredentials: keys });
new RefreshableSession({ method: "sts", assumeRole, sourceCredentials: byDefault.credentials, region: "eu-west-1" });
new RefreshableSession({
  assumeRole,
  profile: "gateway",
  stsClientConfig: { endpoint: new URL("https://sts.example") },
});
fromAssumeRole({
  assumeRole: Object.freeze({ ...assumeRole, Tags: Object.freeze([]) }),
  sourceCredentials: async () => keys,
});

const code: MfaTokenProvider = async ({ serialNumber, roleArn, signal }) =>
  `${serialNumber}${roleArn}${signal.aborted}`;
fromAssumeRole({ assumeRole, mfaTokenProvider: code });
fromAssumeRole({
  assumeRole,
  mfaTokenProvider: "ykman oath accounts code -s AWS",
  mfaCommandOptions: { env: process.env },
});
fromAssumeRole({
  assumeRole,
  mfaTokenProvider: ["ykman", "oath"],
  mfaCommandOptions: { input: new Uint8Array(), timeoutMs: 1 },
});

fromWebIdentity({ assumeRole: role, webIdentityTokenFile: "/run/token" });
fromWebIdentity({ assumeRole: role, webIdentityToken: async ({ signal }) => String(signal.aborted) });
fromContainer();
new RefreshableSession({ method: "container", fullUri: "http://127.0.0.1/keys", authorizationTokenFile: "/run/token" });

// ---------------------------------------------------------------------------------------------------------- refused

// @ts-expect-error the role is missing
fromAssumeRole({ sourceCredentials: keys });
// @ts-expect-error AWS spells it RoleArn
fromAssumeRole({ assumeRole: { roleArn: role.RoleArn } });
// @ts-expect-error a code is a text: a number loses its zeros
fromAssumeRole({ assumeRole, mfaTokenProvider: () => 123456 });
// @ts-expect-error no MFA device there
fromWebIdentity({ assumeRole: { ...role, SerialNumber: "GAHT12345678" }, webIdentityTokenFile: "/run/token" });
// @ts-expect-error an endpoint is of another method
fromAssumeRole({ assumeRole, endpoint: "a.example" });
