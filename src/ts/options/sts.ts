import { bare } from "../bare";
import type {
  NativeAssumeRole,
  NativeMfaCommand,
  NativeStsClientOptions,
  NativeStsOptions,
  NativeWebIdentityOptions,
} from "../binding";
import { ConfigurationError } from "../errors";
import type {
  AssumeRole,
  AssumeRoleWithWebIdentity,
  MfaCommandOptions,
  MfaTokenProvider,
  StsClientConfig,
  StsOptions,
  WebIdentityOptions,
} from "../sts/types";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "../types";
import {
  boolean,
  type Check,
  type Checked,
  type Checks,
  checked,
  defined,
  integer,
  invalid,
  list,
  material,
  required,
  text,
  textOrBytes,
} from "./check";
import { commonChecks, MAX_TIMEOUT_MS, type ParsedCommonOptions, parseCommonOptions, region } from "./common";
import { proxy, proxyOf } from "./proxy";

const DAY = 86_400;

const roleChecks: Checks<AssumeRoleWithWebIdentity> = {
  RoleArn: text,
  RoleSessionName: text,
  ProviderId: text,
  PolicyArns: list((value, param) => ({
    arn: required(checked<{ arn: string }>(value, { arn: text }, `${param}.`).arn, `${param}.arn`),
  })),
  Policy: text,
  DurationSeconds: integer(1, DAY),
};

const { ProviderId: _, ...sharedRoleChecks } = roleChecks;

const assumeRoleChecks: Checks<AssumeRole> = {
  ...sharedRoleChecks,
  ExternalId: text,
  SerialNumber: text,
  TokenCode: text,
  Tags: list((value, param) => {
    const { Key, Value } = checked<{ Key: string; Value: string }>(value, { Key: text, Value: anyText }, `${param}.`);
    return { Key: required(Key, `${param}.Key`), Value: required(Value, `${param}.Value`) };
  }),
  TransitiveTagKeys: list(text),
  SourceIdentity: text,
  ProvidedContexts: list((value, param) =>
    checked<{ ProviderArn: string; ContextAssertion: string }>(
      value,
      { ProviderArn: text, ContextAssertion: text },
      `${param}.`,
    ),
  ),
};

/** Of a tag: it may be empty. */
function anyText(value: unknown, param: string): string {
  if (typeof value === "string") return value;
  throw invalid(param, value, "a string");
}

const url: Check<string | URL> = (value, param) => (value instanceof URL ? value.href : text(value, param));

const clientChecks: Checks<StsClientConfig> = {
  region,
  endpoint: url,
  useFipsEndpoint: boolean,
  useDualstackEndpoint: boolean,
  ca: material,
  proxy,
};

const credentials: Check<AwsCredentialIdentityProvider | AwsCredentialIdentity> = (value, param) => {
  if (typeof value === "function" || (typeof value === "object" && value !== null && !Array.isArray(value))) {
    return value as AwsCredentialIdentity;
  }
  throw invalid(param, value, "a credential provider function, or credentials");
};

const mfaProvider: Check<MfaTokenProvider | string | readonly string[]> = (value, param) => {
  if (typeof value === "function") return value as MfaTokenProvider;
  if (typeof value === "string") return text(value, param);
  if (Array.isArray(value)) return list(anyText)(value, param);
  throw invalid(param, value, "a function, a command, or an array of a command's words");
};

const environment: Check<Record<string, string>> = (value, param) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(param, value, "an object");
  const names = Object.entries(value).filter(([, content]) => content !== undefined);
  return Object.fromEntries(names.map(([name, content]) => [name, anyText(content, `${param}.${name}`)]));
};

const commandChecks: Checks<MfaCommandOptions> = {
  cwd: text,
  env: environment,
  input: textOrBytes,
  timeoutMs: integer(1, MAX_TIMEOUT_MS),
};

const stsChecks: Checks<StsOptions> = {
  ...commonChecks,
  assumeRole: nested(assumeRoleChecks),
  stsClientConfig: nested(clientChecks),
  sourceCredentials: credentials,
  profile: text,
  mfaTokenProvider: mfaProvider,
  mfaCommandOptions: nested(commandChecks),
};

const webIdentityChecks: Checks<WebIdentityOptions> = {
  ...commonChecks,
  assumeRole: nested(roleChecks),
  stsClientConfig: nested(clientChecks),
  webIdentityTokenFile: text,
  webIdentityToken: (value, param) => {
    if (typeof value === "function") return value as () => string;
    if (typeof value === "string") return text(value, param);
    throw invalid(param, value, "a string or a function");
  },
};

/** Options of the STS source, as the native side takes them. */
export interface ParsedStsOptions extends ParsedCommonOptions {
  sts: Omit<NativeStsOptions, "same">;
  sourceCredentials: AwsCredentialIdentityProvider | AwsCredentialIdentity | undefined;
  profile: string | undefined;
  mfa: MfaTokenProvider | undefined;
}

export function parseStsOptions(options: unknown, beside?: readonly string[]): ParsedStsOptions {
  const given = checked<StsOptions>(options, stsChecks, "", beside);
  const { sourceCredentials, profile, mfaTokenProvider, mfaCommandOptions } = given;
  if (sourceCredentials !== undefined && profile !== undefined) {
    throw conflicting("profile", "options `sourceCredentials` and `profile` exclude each other", "Give one of them.");
  }
  const parsed = parseCommonOptions(given);
  const role = required(given.assumeRole, "assumeRole");
  return {
    ...parsed,
    sts: defined({
      assumeRole: assumeRole(role),
      client: stsClient(given.stsClientConfig, parsed.region),
      mfaCommand: mfaCommand(mfaTokenProvider, mfaCommandOptions),
      mfaFunction: typeof mfaTokenProvider === "function",
    }),
    sourceCredentials,
    profile,
    mfa: typeof mfaTokenProvider === "function" ? mfaTokenProvider : undefined,
  };
}

/** Options of the web identity source, as the native side takes them. */
export interface ParsedWebIdentityOptions extends ParsedCommonOptions {
  webIdentity: NativeWebIdentityOptions;
  token: WebIdentityToken | undefined;
}

type WebIdentityToken = Exclude<NonNullable<WebIdentityOptions["webIdentityToken"]>, string>;

export function parseWebIdentityOptions(options: unknown, beside?: readonly string[]): ParsedWebIdentityOptions {
  const given = checked<WebIdentityOptions>(options, webIdentityChecks, "", beside);
  const { webIdentityToken: token, webIdentityTokenFile: tokenFile } = given;
  if (token !== undefined && tokenFile !== undefined) {
    const both = "options `webIdentityTokenFile` and `webIdentityToken` exclude each other";
    throw conflicting("webIdentityToken", both, "Give one of them.");
  }
  if (token === undefined) required(tokenFile, "webIdentityTokenFile");
  const parsed = parseCommonOptions(given);
  return {
    ...parsed,
    webIdentity: defined({
      assumeRole: assumeRole(required(given.assumeRole, "assumeRole")),
      client: stsClient(given.stsClientConfig, parsed.region),
      token: typeof token === "string" ? token : undefined,
      tokenFile,
    }),
    token: typeof token === "function" ? token : undefined,
  };
}

/** A `StsClientConfig` that is given apart from a session's options. */
export function parseStsClientConfig(given: unknown, region: string | undefined): NativeStsClientOptions {
  const config = given === undefined ? undefined : checked<StsClientConfig>(given, clientChecks, "stsClientConfig.");
  return stsClient(config, region);
}

/** Which of them are wanted, and what may be in them, is known in Rust. */
function assumeRole(given: AssumeRole & AssumeRoleWithWebIdentity): NativeAssumeRole {
  return defined<NativeAssumeRole>({
    roleArn: required(given.RoleArn, "assumeRole.RoleArn"),
    roleSessionName: given.RoleSessionName,
    providerId: given.ProviderId,
    policyArns: given.PolicyArns?.map(({ arn }) => arn),
    policy: given.Policy,
    durationSeconds: given.DurationSeconds,
    externalId: given.ExternalId,
    serialNumber: given.SerialNumber,
    tokenCode: given.TokenCode,
    tags: given.Tags?.map(({ Key: key, Value: value }) => bare({ key, value })),
    transitiveTagKeys: given.TransitiveTagKeys?.slice(),
    sourceIdentity: given.SourceIdentity,
    providedContexts: given.ProvidedContexts?.map(({ ProviderArn: providerArn, ContextAssertion: contextAssertion }) =>
      defined({ providerArn, contextAssertion }),
    ),
  });
}

function stsClient(given: Checked<StsClientConfig> | undefined, region: string | undefined): NativeStsClientOptions {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const ca = given?.ca;
  return defined<NativeStsClientOptions>({
    // An empty variable is as good as none.
    region: given?.region ?? region ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined),
    endpoint: given?.endpoint as string | undefined,
    useFipsEndpoint: given?.useFipsEndpoint ?? false,
    useDualstackEndpoint: given?.useDualstackEndpoint ?? false,
    ca: ca === "system" ? undefined : ca,
    proxy: proxyOf(given?.proxy),
  });
}

function mfaCommand(
  given: MfaTokenProvider | string | readonly string[] | undefined,
  options: MfaCommandOptions | undefined,
): NativeMfaCommand | undefined {
  if (given === undefined || typeof given === "function") {
    if (options === undefined) return undefined;
    const found = given === undefined ? "there is no `mfaTokenProvider`" : "`mfaTokenProvider` is a function";
    throw conflicting(
      "mfaCommandOptions",
      `option \`mfaCommandOptions\` is given, but ${found}`,
      "It is for commands.",
    );
  }
  const { cwd, env = process.env, input, timeoutMs } = options ?? {};
  return defined<NativeMfaCommand>({
    line: typeof given === "string" ? given : undefined,
    words: typeof given === "string" ? undefined : given.slice(),
    cwd,
    // As it is now, and as this thread has it.
    env: Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [bare({ name, value })])),
    input,
    timeoutMs,
  });
}

function conflicting(param: string, message: string, hint: string): ConfigurationError {
  return new ConfigurationError({ code: "ERR_CONFLICTING_OPTIONS", message, hint, param });
}

/** An object of options of its own. */
function nested<T>(checks: Checks<T>): Check<T> {
  return (value, param) => checked<T>(value, checks, `${param}.`) as T;
}
