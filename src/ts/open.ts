/**
 * From options to the engine of a session, one function for each kind of source. Each throws the typed error of the
 * option at fault.
 */

import { bare } from "./bare";
import type { NativeAssumeRole, NativeCustomReply, NativeTextReply } from "./binding";
import { CredentialsCallback } from "./custom/callback";
import { TextCallback } from "./custom/text";
import { Engine, type Opened } from "./engine";
import { type Hear, hearing } from "./hearing";
import { native } from "./native";
import { containerEnvironment, parseContainerOptions } from "./options/container";
import { parseCustomOptions, parseProviderOptions } from "./options/custom";
import { parseIotOptions } from "./options/iot";
import { parseStsOptions, parseWebIdentityOptions } from "./options/sts";
import { baseProvider, sourceOf } from "./sts/base";
import type { MfaTokenProvider } from "./sts/types";
import { threadId } from "./thread";
import type { AwsCredentialIdentityProvider, CustomCredentials } from "./types";
import { weakly } from "./weakly";

/** Makes an engine of options; `hear` is told what happens, and `beside` are options that were read before. */
export type Open = (options: unknown, hear?: Hear, beside?: readonly string[]) => Engine;

/** On the IoT credentials endpoint. */
export const openIot: Open = (options, hear, beside) => {
  const { common, iot, pin, accountId, reporting, region } = parseIotOptions(options, beside);
  return made((heard) => {
    const session = native.openIot(common, iot, heard, pin && weakly(pin, (held) => held.ask(), noPin));
    const caller = { source: "iot-x509", timeoutMs: common.timeoutMs };
    return { method: "iot", session, region, reporting, accountId, caller, hear, causes: { "pkcs11.userPin": pin } };
  });
};

/** On a callback. */
export const openCustom: Open = (options, hear, beside) => {
  const { common, call, args, accountId, reporting, region } = parseCustomOptions(options, beside);
  const owner = { call, argument: args, name: "customCredentials", withAccountId: accountId, settings: common };
  const callback = CredentialsCallback.of(owner, asking(call, args));
  return made((heard) => {
    const custom = bare({ provider: false, same: callback.same });
    const session = native.openCustom(common, custom, heard, ...callable(callback));
    const caller = { source: nameOf(call), timeoutMs: common.timeoutMs };
    return {
      method: "custom",
      session,
      region,
      reporting,
      accountId,
      caller,
      hear,
      causes: { customCredentials: callback },
    };
  });
};

/** On an SDK provider. */
export function openProvider(provider: AwsCredentialIdentityProvider, options: unknown): Engine {
  const { common, accountId, reporting, region } = parseProviderOptions(options);
  const owner = { call: provider, argument: undefined, name: "provider", withAccountId: accountId, settings: common };
  // A provider that keeps a copy of its own is asked only when ours is due.
  const callback = CredentialsCallback.of(owner, renewing(provider));
  return made((heard) => {
    const custom = bare({ provider: true, same: callback.same });
    const session = native.openCustom(common, custom, heard, ...callable(callback));
    const caller = { source: nameOf(provider), timeoutMs: common.timeoutMs };
    return { method: "custom", session, region, reporting, accountId, caller, causes: { provider: callback } };
  });
}

/** On the container endpoint. */
export const openContainer: Open = (options, hear, beside) => {
  const { common, container: given, accountId, reporting, region } = parseContainerOptions(options, beside);
  return made((heard) => {
    // Every thread of Node.js has an environment of its own.
    const container = bare({ same: String(threadId()), given });
    const session = native.openContainer(common, container, heard, readEnvironment, nothing);
    const caller = { source: "container", timeoutMs: common.timeoutMs };
    return { method: "container", session, region, reporting, accountId, caller, hear };
  });
};

/** On AssumeRole. */
export const openSts: Open = (options, hear, beside) => {
  const { common, sts, sourceCredentials, profile, mfa, accountId, reporting, region } = parseStsOptions(
    options,
    beside,
  );
  const call = baseProvider({ sourceCredentials, profile });
  const owner = { call, argument: mfa, name: "sourceCredentials", withAccountId: false, settings: common };
  const base = CredentialsCallback.of(owner, providing(call));
  const code = mfa && mfaCallback(mfa, sts.assumeRole);
  const baseSource = sourceOf({ sourceCredentials, profile });
  return made((heard) => {
    const given = bare({ ...sts, same: base.same });
    const session = native.openSts(common, given, heard, ...callable(base), ...callableText(code));
    return {
      method: "sts",
      session,
      region: region ?? sts.client.region,
      reporting,
      accountId,
      caller: { source: "sts-assume-role", baseSource, client: sts.client, timeoutMs: common.timeoutMs },
      hear,
      causes: { sourceCredentials: base, mfaTokenProvider: code },
    };
  });
};

/** On AssumeRoleWithWebIdentity. */
export const openWebIdentity: Open = (options, hear, beside) => {
  const { common, webIdentity, token, accountId, reporting, region } = parseWebIdentityOptions(options, beside);
  const asked = token && new TextCallback("webIdentityToken", tokens(token));
  return made((heard) => {
    const session = native.openWebIdentity(common, webIdentity, heard, ...callableText(asked));
    return {
      method: "webIdentity",
      session,
      region: region ?? webIdentity.client.region,
      reporting,
      accountId,
      caller: { source: "web-identity", client: webIdentity.client, timeoutMs: common.timeoutMs },
      hear,
      causes: { webIdentityToken: asked },
    };
  });
};

/** A function as it is called in reports. */
function nameOf({ name }: { readonly name: string }): string {
  return typeof name === "string" && name !== "" ? name : "custom";
}

// What is held by others for longer than a session lives is made outside of the function that opens it: a closure holds all
// that any closure beside it uses, and one of those holds the session.

const readEnvironment = async () => containerEnvironment();

const nothing = () => {};

function asking(call: CustomCredentials, args: unknown) {
  return (signal: AbortSignal) => call(args, { signal });
}

function renewing(provider: AwsCredentialIdentityProvider) {
  return () => provider({ forceRefresh: true });
}

function providing(provider: AwsCredentialIdentityProvider) {
  return () => provider();
}

function tokens(token: (context: { readonly signal: AbortSignal }) => string | Promise<string>) {
  return (signal: AbortSignal) => token({ signal });
}

function mfaCallback(mfa: MfaTokenProvider, { serialNumber = "", roleArn }: NativeAssumeRole): TextCallback {
  const about = `${serialNumber} ${roleArn}`;
  return TextCallback.of(mfa, about, "mfaTokenProvider", (signal) => mfa({ serialNumber, roleArn, signal }));
}

/** An engine that hears what its session says. */
function made(open: (heard: Hear) => Opened): Engine {
  const { heard, follow } = hearing();
  const engine = new Engine(open(heard));
  follow(engine);
  return engine;
}

/** A callback as the native side takes it. */
function callable(
  callback: CredentialsCallback,
): [(call: number) => Promise<NativeCustomReply>, (call: number) => void] {
  const ask = (held: CredentialsCallback, call: number) => held.ask(call);
  const abort = (held: CredentialsCallback, call: number) => held.abort(call);
  return [weakly(callback, ask, async () => bare({})), weakly(callback, abort, () => {})];
}

function callableText(
  callback: TextCallback | undefined,
): [ask?: (call: number) => Promise<NativeTextReply>, abort?: (call: number) => void] {
  if (callback === undefined) return [];
  const ask = (held: TextCallback, call: number) => held.ask(call);
  const abort = (held: TextCallback, call: number) => held.abort(call);
  return [weakly(callback, ask, async () => bare({})), weakly(callback, abort, () => {})];
}

function noPin(): Promise<never> {
  return Promise.reject(new Error("nobody has this session any more"));
}
