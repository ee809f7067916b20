// Generated from src/ts/sessionOptions.ts by scripts/cli-flags.mjs: which options are flags, and what `--help` says of them.

import type { FlagRow } from "./flags";

export const ROWS: readonly FlagRow[] = [
  {
    "flag": "method",
    "path": [
      "method"
    ],
    "kind": "text",
    "group": "",
    "help": "How the session comes to its credentials"
  },
  {
    "flag": "assume-role-role-arn",
    "path": [
      "assumeRole",
      "RoleArn"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "ARN of the role"
  },
  {
    "flag": "assume-role-role-session-name",
    "path": [
      "assumeRole",
      "RoleSessionName"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "Default `\"refresh-session\"`, with a warning: CloudTrail shows it, and devices should be told apart there"
  },
  {
    "flag": "assume-role-policy",
    "path": [
      "assumeRole",
      "Policy"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "Policy in JSON that the keys are limited to"
  },
  {
    "flag": "assume-role-duration-seconds",
    "path": [
      "assumeRole",
      "DurationSeconds"
    ],
    "kind": "number",
    "group": "AssumeRole",
    "help": "Life of the keys: 900 to 43 200, and no more than the role allows; at most 3600 from keys of another role"
  },
  {
    "flag": "assume-role-external-id",
    "path": [
      "assumeRole",
      "ExternalId"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "What the role's owner has asked you to name yourself by"
  },
  {
    "flag": "assume-role-serial-number",
    "path": [
      "assumeRole",
      "SerialNumber"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "ARN or serial number of the MFA device; needs `mfaTokenProvider` or `TokenCode`"
  },
  {
    "flag": "assume-role-source-identity",
    "path": [
      "assumeRole",
      "SourceIdentity"
    ],
    "kind": "text",
    "group": "AssumeRole",
    "help": "Who is behind the keys; stays when the role assumes another"
  },
  {
    "flag": "sts-region",
    "path": [
      "stsClientConfig",
      "region"
    ],
    "kind": "text",
    "group": "StsClientConfig",
    "help": "Default: the session's `region`, else `AWS_REGION`, else `AWS_DEFAULT_REGION`"
  },
  {
    "flag": "sts-endpoint",
    "path": [
      "stsClientConfig",
      "endpoint"
    ],
    "kind": "text",
    "group": "StsClientConfig",
    "help": "URL of another endpoint, such as a VPC's"
  },
  {
    "flag": "sts-use-fips-endpoint",
    "path": [
      "stsClientConfig",
      "useFipsEndpoint"
    ],
    "kind": "boolean",
    "group": "StsClientConfig",
    "help": "AWS's FIPS endpoint"
  },
  {
    "flag": "sts-use-dualstack-endpoint",
    "path": [
      "stsClientConfig",
      "useDualstackEndpoint"
    ],
    "kind": "boolean",
    "group": "StsClientConfig",
    "help": "AWS's dual-stack endpoint, with IPv6"
  },
  {
    "flag": "sts-ca",
    "path": [
      "stsClientConfig",
      "ca"
    ],
    "kind": "path",
    "words": [
      "system"
    ],
    "group": "StsClientConfig",
    "help": "CA bundle that replaces the system's trust store: path, PEM text, or `system` (default)"
  },
  {
    "flag": "sts-proxy",
    "path": [
      "stsClientConfig",
      "proxy"
    ],
    "kind": "text",
    "orFalse": true,
    "group": "StsClientConfig",
    "help": "HTTP proxy, or `false` for none"
  },
  {
    "flag": "profile",
    "path": [
      "profile"
    ],
    "kind": "text",
    "group": "StsOptions",
    "help": "Profile of the shared config and credentials files that gives the keys AssumeRole is signed with"
  },
  {
    "flag": "mfa-token-provider",
    "path": [
      "mfaTokenProvider"
    ],
    "kind": "text",
    "group": "StsOptions",
    "help": "Where MFA codes come from: a function, a command, or a command as an array of its words"
  },
  {
    "flag": "mfa-command-cwd",
    "path": [
      "mfaCommandOptions",
      "cwd"
    ],
    "kind": "text",
    "group": "MfaCommandOptions",
    "help": "Working directory"
  },
  {
    "flag": "mfa-command-timeout-ms",
    "path": [
      "mfaCommandOptions",
      "timeoutMs"
    ],
    "kind": "number",
    "group": "MfaCommandOptions",
    "help": "After so many milliseconds it is killed with all that it has started"
  },
  {
    "flag": "region",
    "path": [
      "region"
    ],
    "kind": "text",
    "group": "CommonOptions",
    "help": "For clients whose config has none"
  },
  {
    "flag": "refresh-policy",
    "path": [
      "refreshPolicy"
    ],
    "kind": "text",
    "group": "CommonOptions",
    "help": "When to refresh and what to do about failures"
  },
  {
    "flag": "advisory-window-seconds",
    "path": [
      "advisoryWindowSeconds"
    ],
    "kind": "number",
    "group": "CommonOptions",
    "help": "How long before their end keys may be renewed, in seconds, 1 to 43 200"
  },
  {
    "flag": "mandatory-window-seconds",
    "path": [
      "mandatoryWindowSeconds"
    ],
    "kind": "number",
    "group": "CommonOptions",
    "help": "How long before their end readers wait for new keys, in seconds"
  },
  {
    "flag": "startup-jitter-seconds",
    "path": [
      "startupJitterSeconds"
    ],
    "kind": "number",
    "group": "CommonOptions",
    "help": "The first fetch waits for a time drawn up to this, in seconds, 0 to 86 400, and so do its readers: what keeps a fleet that powers up together from asking all at once"
  },
  {
    "flag": "timeout-ms",
    "path": [
      "timeoutMs"
    ],
    "kind": "number",
    "group": "CommonOptions",
    "help": "One fetch with everything it needs, in milliseconds, 1 to 600 000"
  },
  {
    "flag": "account-id",
    "path": [
      "accountId"
    ],
    "kind": "boolean",
    "group": "CommonOptions",
    "help": "Whether `accountId` is handed on to clients where the source gives one"
  },
  {
    "flag": "endpoint",
    "path": [
      "endpoint"
    ],
    "kind": "text",
    "required": true,
    "group": "IotOptions",
    "help": "`host[:port]` of the credentials endpoint: what `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints"
  },
  {
    "flag": "role-alias",
    "path": [
      "roleAlias"
    ],
    "kind": "text",
    "required": true,
    "group": "IotOptions",
    "help": "Name of the IoT role alias, 1 to 128 of `[A-Za-z0-9_=,@-]`"
  },
  {
    "flag": "certificate",
    "path": [
      "certificate"
    ],
    "kind": "path",
    "words": [],
    "group": "IotOptions",
    "help": "The device certificate, or a chain that begins with it: path, PEM text"
  },
  {
    "flag": "private-key",
    "path": [
      "privateKey"
    ],
    "kind": "path",
    "words": [],
    "group": "IotOptions",
    "help": "The private key: path, PEM text"
  },
  {
    "flag": "pkcs11",
    "path": [
      "pkcs11"
    ],
    "kind": "text",
    "group": "IotOptions",
    "help": "The private key in a token: fields, or an RFC 7512 `pkcs11:` URI"
  },
  {
    "flag": "pkcs11-library",
    "path": [
      "pkcs11",
      "library"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "Absolute path of the PKCS#11 module"
  },
  {
    "flag": "pkcs11-library-sha256",
    "path": [
      "pkcs11",
      "librarySha256"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "The SHA-256 that the module's file must have, 64 hexadecimal digits: no other one is loaded"
  },
  {
    "flag": "pkcs11-force-login",
    "path": [
      "pkcs11",
      "forceLogin"
    ],
    "kind": "boolean",
    "group": "Pkcs11Options",
    "help": "Sends the PIN even if the token says that one try is left or that the PIN must be changed"
  },
  {
    "flag": "pkcs11-slot-id",
    "path": [
      "pkcs11",
      "slotId"
    ],
    "kind": "number",
    "group": "Pkcs11Options",
    "help": "Slot number; changes when devices come and go, so prefer label or serial number"
  },
  {
    "flag": "pkcs11-token-label",
    "path": [
      "pkcs11",
      "tokenLabel"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "The token's label"
  },
  {
    "flag": "pkcs11-token-serial",
    "path": [
      "pkcs11",
      "tokenSerial"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "The token's serial number"
  },
  {
    "flag": "pkcs11-private-key-label",
    "path": [
      "pkcs11",
      "privateKeyLabel"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "`CKA_LABEL` of the private key"
  },
  {
    "flag": "pkcs11-private-key-id",
    "path": [
      "pkcs11",
      "privateKeyId"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "`CKA_ID` of the private key: hexadecimal text"
  },
  {
    "flag": "pkcs11-certificate-label",
    "path": [
      "pkcs11",
      "certificateLabel"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "`CKA_LABEL` of the certificate; used when `certificate` is left out"
  },
  {
    "flag": "pkcs11-certificate-id",
    "path": [
      "pkcs11",
      "certificateId"
    ],
    "kind": "text",
    "group": "Pkcs11Options",
    "help": "`CKA_ID` of the certificate: hexadecimal text"
  },
  {
    "flag": "pkcs11-sign-timeout-ms",
    "path": [
      "pkcs11",
      "signTimeoutMs"
    ],
    "kind": "number",
    "group": "Pkcs11Options",
    "help": "Deadline of one call into the token, in milliseconds, 1 to 600 000"
  },
  {
    "flag": "pkcs11-uri",
    "path": [
      "pkcs11",
      "uri"
    ],
    "kind": "text",
    "group": "Pkcs11UriOptions",
    "help": "An RFC 7512 `pkcs11:` URI: token, key, certificate, and the module unless `library` names it"
  },
  {
    "flag": "thing-name",
    "path": [
      "thingName"
    ],
    "kind": "text",
    "group": "IotOptions",
    "help": "Thing name, for policy variables; the thing must be attached to the certificate"
  },
  {
    "flag": "duration-seconds",
    "path": [
      "durationSeconds"
    ],
    "kind": "number",
    "group": "IotOptions",
    "help": "Life asked for, in seconds, 900 to 43 200"
  },
  {
    "flag": "ca",
    "path": [
      "ca"
    ],
    "kind": "path",
    "words": [
      "system"
    ],
    "group": "IotOptions",
    "help": "CA bundle that replaces the system's trust store: path, PEM text, or `system` (default)"
  },
  {
    "flag": "verify-peer",
    "path": [
      "verifyPeer"
    ],
    "kind": "boolean",
    "group": "IotOptions",
    "help": "`false` accepts any server, with a warning; for laboratories"
  },
  {
    "flag": "server-name",
    "path": [
      "serverName"
    ],
    "kind": "text",
    "group": "IotOptions",
    "help": "Replaces the endpoint's name in SNI and in the certificate check"
  },
  {
    "flag": "connect-timeout-ms",
    "path": [
      "connectTimeoutMs"
    ],
    "kind": "number",
    "group": "IotOptions",
    "help": "Name lookup, TCP, proxy and TLS together, in milliseconds, 1 to 600 000"
  },
  {
    "flag": "certificate-warning-days",
    "path": [
      "certificateWarningDays"
    ],
    "kind": "number",
    "group": "IotOptions",
    "help": "How many days before its end the device certificate is warned of, 0 to 3650; 0 for never"
  },
  {
    "flag": "proxy",
    "path": [
      "proxy"
    ],
    "kind": "text",
    "orFalse": true,
    "group": "IotOptions",
    "help": "HTTP proxy on the way to the endpoint: `http://[user:password@]host[:port]`, the parts before the `@` percent-encoded; `false` for none"
  },
  {
    "flag": "relative-uri",
    "path": [
      "relativeUri"
    ],
    "kind": "path",
    "words": [],
    "group": "ContainerOptions",
    "help": "Path at the ECS endpoint"
  },
  {
    "flag": "full-uri",
    "path": [
      "fullUri"
    ],
    "kind": "text",
    "group": "ContainerOptions",
    "help": "URL: `https:`, or `http:` to this machine or to ECS's and EKS's addresses"
  },
  {
    "flag": "authorization-token-file",
    "path": [
      "authorizationTokenFile"
    ],
    "kind": "path",
    "words": [],
    "group": "ContainerOptions",
    "help": "File that holds it; read anew for every fetch"
  },
  {
    "flag": "assume-role-provider-id",
    "path": [
      "assumeRole",
      "ProviderId"
    ],
    "kind": "text",
    "group": "AssumeRoleWithWebIdentity",
    "help": "For OAuth 2.0 access tokens only; OpenID Connect tokens have none"
  },
  {
    "flag": "web-identity-token-file",
    "path": [
      "webIdentityTokenFile"
    ],
    "kind": "path",
    "words": [],
    "group": "WebIdentityOptions",
    "help": "File that holds the token; read anew for every fetch"
  }
];
