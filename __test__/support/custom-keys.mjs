// Callbacks that give credentials, under the control of a test.

import { deferred } from "./waiting.mjs";

/** How every secret here begins: what a test looks for where it must not be. */
export const CANARY = "canary-custom";

let made = 0;

/** Keys of the SDK's shape that nobody else has; `life` in seconds. */
export function sdkKeys(life = 3600, overrides = {}) {
  const number = String(++made).padStart(12, "0");
  return {
    accessKeyId: `ASIA${number}`,
    secretAccessKey: `${CANARY}-secret-${number}`,
    sessionToken: `${CANARY}-token-${number}`,
    expiration: new Date(Date.now() + life * 1000),
    ...overrides,
  };
}

/** The same in the shape of boto3-refresh-session. */
export function seedKeys(life = 3600, overrides = {}) {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = sdkKeys(life);
  return {
    access_key: accessKeyId,
    secret_key: secretAccessKey,
    token: sessionToken,
    expiry_time: expiration.toISOString(),
    ...overrides,
  };
}

/**
 * A callback that keeps what it is called with in `calls`, and gives what `give` gives. A test changes `give` at will.
 */
export function callback(give = () => sdkKeys()) {
  const asked = (args, options) => {
    asked.calls.push({ args, signal: options?.signal });
    return asked.give(args, options);
  };
  return Object.assign(asked, { calls: [], give });
}

/** A callback whose answers the test holds back: `answers` has one `deferred` for each call. */
export function held() {
  const answers = [];
  const asked = callback(() => {
    answers.push(deferred());
    return answers.at(-1).promise;
  });
  return Object.assign(asked, { answers });
}
