/** Types of the methods that go to AWS STS. Parameters of its API have their AWS spelling. */

import type { AwsCredentialIdentity, AwsCredentialIdentityProvider, CommonOptions, Method } from "../types";

/** Parameters of AssumeRole; see the AWS STS API reference for what each means. */
export interface AssumeRole {
  /** ARN of the role. */
  RoleArn: string;
  /** Default `"refresh-session"`, with a warning: CloudTrail shows it, and devices should be told apart there. */
  RoleSessionName?: string;
  /** Managed policies that the keys are limited to, 10 at most. */
  PolicyArns?: readonly { arn: string }[];
  /** Policy in JSON that the keys are limited to. */
  Policy?: string;
  /** Life of the keys: 900 to 43 200, and no more than the role allows; at most 3600 from keys of another role. */
  DurationSeconds?: number;
  /** What the role's owner has asked you to name yourself by. */
  ExternalId?: string;
  /** ARN or serial number of the MFA device; needs `mfaTokenProvider` or `TokenCode`. */
  SerialNumber?: string;
  /** One code of the MFA device: good for one set of keys, which cannot be renewed. */
  TokenCode?: string;
  /** Session tags, 50 at most. */
  Tags?: readonly { Key: string; Value: string }[];
  /** Which of the tags are handed on when the role assumes another. */
  TransitiveTagKeys?: readonly string[];
  /** Who is behind the keys; stays when the role assumes another. */
  SourceIdentity?: string;
  /** Context assertions of trusted providers, 5 at most. */
  ProvidedContexts?: readonly { ProviderArn?: string; ContextAssertion?: string }[];
}

/** Parameters of AssumeRoleWithWebIdentity. */
export interface AssumeRoleWithWebIdentity {
  /** ARN of the role. */
  RoleArn: string;
  /** Default `"refresh-session"`, with a warning. */
  RoleSessionName?: string;
  /** For OAuth 2.0 access tokens only; OpenID Connect tokens have none. */
  ProviderId?: string;
  /** Managed policies that the keys are limited to, 10 at most. */
  PolicyArns?: readonly { arn: string }[];
  /** Policy in JSON that the keys are limited to. */
  Policy?: string;
  /** Life of the keys: 900 to 43 200, and no more than the role allows. */
  DurationSeconds?: number;
}

/** How STS is reached. */
export interface StsClientConfig {
  /** Default: the session's `region`, else `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  region?: string;
  /** URL of another endpoint, such as a VPC's. */
  endpoint?: string | URL;
  /** AWS's FIPS endpoint. */
  useFipsEndpoint?: boolean;
  /** AWS's dual-stack endpoint, with IPv6. */
  useDualstackEndpoint?: boolean;
  /** CA bundle that replaces the system's trust store: path, PEM text, bytes, or `"system"` (default). */
  ca?: string | Uint8Array;
  /** HTTP proxy, or `false` for none. Default: the environment's `https_proxy` and `no_proxy`. */
  proxy?: string | false;
}

/** Who credentials belong to, as STS says. */
export interface CallerIdentity {
  /** Of the session. */
  readonly method: Method;
  /**
   * What its credentials come from: `"sts-assume-role"`, `"iot-x509"`, `"container"`, `"web-identity"`, or the name of the
   * function. Of a source identity `"source-credentials"`, `"profile"` or `"default-chain"`.
   */
  readonly source: string;
  readonly Account?: string;
  readonly Arn?: string;
  readonly UserId?: string;
}

/** What an MFA provider is told. */
export interface MfaContext {
  /** `assumeRole.SerialNumber`. */
  readonly serialNumber: string;
  /** `assumeRole.RoleArn`. */
  readonly roleArn: string;
  /** Aborted when nobody waits for the code any more. */
  readonly signal: AbortSignal;
}

/** Gives a code of six digits, a new one at every call. */
export type MfaTokenProvider = (context: MfaContext) => string | Promise<string>;

/** How an MFA command is run. */
export interface MfaCommandOptions {
  /** Working directory. Default: that of the process. */
  cwd?: string;
  /** The whole environment. Default: `process.env` as it is when the session is made. */
  env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads from its standard input. Default: nothing. */
  input?: string | Uint8Array;
  /** After so many milliseconds it is killed with all that it has started. Default 30 000. */
  timeoutMs?: number;
}

/** Options of `fromAssumeRole`, and with `method: "sts"` of a session. */
export interface StsOptions extends CommonOptions {
  /** Which role, with which parameters. */
  assumeRole: AssumeRole;
  /** How STS is reached. */
  stsClientConfig?: StsClientConfig;
  /** The keys that AssumeRole is signed with: a provider, such as another session's `credentials`, or keys. */
  sourceCredentials?: AwsCredentialIdentityProvider | AwsCredentialIdentity;
  /**
   * Profile of the shared config and credentials files that gives the keys AssumeRole is signed with. Neither this nor
   * `sourceCredentials`: the SDK's default chain. Both need `@aws-sdk/credential-providers` to be installed.
   */
  profile?: string;
  /**
   * Where MFA codes come from: a function, a command, or a command as an array of its words. A command is run without
   * a shell; the last six digits that stand alone in its output are the code.
   */
  mfaTokenProvider?: MfaTokenProvider | string | readonly string[];
  /** How a command of `mfaTokenProvider` is run. */
  mfaCommandOptions?: MfaCommandOptions;
}

/** Options of `fromWebIdentity`, and with `method: "webIdentity"` of a session. */
export interface WebIdentityOptions extends CommonOptions {
  /** Which role, with which parameters. */
  assumeRole: AssumeRoleWithWebIdentity;
  /** How STS is reached. */
  stsClientConfig?: StsClientConfig;
  /** File that holds the token; read anew for every fetch. Exactly one of this and `webIdentityToken`. */
  webIdentityTokenFile?: string;
  /** The token, or a function that is asked for one at every fetch. */
  webIdentityToken?: string | ((context: { readonly signal: AbortSignal }) => string | Promise<string>);
}

/** Options of `fromContainer`, and with `method: "container"` of a session. */
export interface ContainerOptions extends CommonOptions {
  /** Path at the ECS endpoint. Default: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, read at every fetch. */
  relativeUri?: string;
  /** URL: `https:`, or `http:` to this machine or to ECS's and EKS's addresses. Default: `AWS_CONTAINER_CREDENTIALS_FULL_URI`. */
  fullUri?: string;
  /** Sent as `Authorization`. Default: `AWS_CONTAINER_AUTHORIZATION_TOKEN`. */
  authorizationToken?: string;
  /** File that holds it; read anew for every fetch. Default: `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`. */
  authorizationTokenFile?: string;
}
