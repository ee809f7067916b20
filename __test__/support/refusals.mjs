// What every refused option has in common, and how to look for secrets in what is shown.

import { inspect } from "node:util";
import { fromCustom, fromIot, RefreshableSession, RefreshError, refreshable } from "refresh-session";

/** The two ways options come in; both must answer alike. */
export const entrances = {
  "new RefreshableSession": (options) => new RefreshableSession(options),
  fromIot: ({ method: _, ...options }) => fromIot(options),
};

const uncalled = async () => {
  throw new Error("a callback was called");
};

/** The ways in of what every source takes, where it is a function. */
export const callbackEntrances = {
  "new RefreshableSession": (options) =>
    new RefreshableSession({ method: "custom", customCredentials: uncalled, ...options }),
  fromCustom: (options) => fromCustom(uncalled, options),
  refreshable: (options) => refreshable(uncalled, options),
};

/** Everything a person or a log could get to see of `value`. */
export function shownForms(value) {
  const forms = [String(value), inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true })];
  forms.push(JSON.stringify(value) ?? "");
  if (value instanceof Error) forms.push(value.message, value.stack, inspect(value.cause));
  return forms.join("\n");
}

/** Asserts that none of the secrets is shown by `value`. Short ones would be found by chance. */
export function showsNone(t, value, secrets, label) {
  const shown = shownForms(value);
  for (const secret of secrets) {
    if (secret.length < 8) throw new Error("a canary must be longer");
    t.false(shown.includes(secret), `${label} shows a secret: ${shown}`);
  }
}

/** Every entrance refuses `options` at once with this error; gives the last one. */
export function refuses(
  t,
  options,
  { name = "ValidationError", code = "ERR_INVALID_OPTION", param, says },
  label,
  secrets,
  ways = entrances,
) {
  let error;
  for (const [entrance, open] of Object.entries(ways)) {
    const where = `${entrance}: ${label}`;
    error = thrownBy(() => open(options));
    t.truthy(error, `${where} was accepted`);
    t.true(error instanceof RefreshError, `${where}: ${inspect(error)}`);
    t.is(error.name, name, `${where}: ${error.message}`);
    t.is(error.constructor.name, name, where);
    t.is(error.code, code, `${where}: ${error.message}`);
    t.is(error.param, param, `${where}: ${error.message}`);
    t.is(error.tryNextLink, false, where);
    t.is(error.retryable, false, where);
    t.true(error.message.includes(param.split(".").at(-1)), `${where} is not named: ${error.message}`);
    t.notRegex(error.message, /\.\. [A-Z]|\[object/, where);
    if (error.hint !== undefined) t.true(error.message.endsWith(error.hint), where);
    for (const part of [says ?? []].flat())
      t.true(error.message.includes(part), `${where} lacks "${part}": ${error.message}`);
    showsNone(t, error, secrets ?? [], where);
  }
  return error;
}

function thrownBy(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** `options` with the option called `param`, such as `pkcs11.userPin`, replaced. */
export function withOption(options, param, value) {
  const [outer, inner] = param.split(".");
  if (inner === undefined) return { ...options, [outer]: value };
  return { ...options, [outer]: { ...options[outer], [inner]: value } };
}

/** The content of a PEM block, and its lines: what must not be seen of a key. A short last line is no canary. */
export function bodyOf(pem) {
  const lines = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  return { lines: lines.filter((line) => line.length > 7), der: Buffer.from(lines.join(""), "base64") };
}

/** Runs `call` while `Object.prototype` carries these properties. Nothing asynchronous may happen meanwhile. */
export function whilePolluted(properties, call) {
  const names = Object.keys(properties);
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, {
      value: properties[name],
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  try {
    return call();
  } finally {
    for (const name of names) delete Object.prototype[name];
  }
}
