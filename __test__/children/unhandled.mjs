// Everything that fails here is caught by the caller. With `leak`, one thing is not: the check must notice.

import { fromIot, RefreshableSession } from "../../dist/index.mjs";
import { unshared } from "../support/sessions.mjs";

const { failing, hsm, short, leak } = JSON.parse(process.argv[2]);
const codes = [];
const caught = ({ code, name }) => codes.push(code ?? name);

const session = new RefreshableSession(failing);
await session.credentials().catch(caught);
await session.refreshableCredentials().catch(caught);
await session.refresh({ force: true }).catch(caught);
await fromIot(unshared((({ method, ...rest }) => rest)(failing)))().catch(caught);
await Promise.allSettled([session.credentials(), session.credentials()]);

// Aborted by the caller; the fetch goes on, and fails without anybody waiting for it.
const abort = new AbortController();
const aborted = session.refresh({ force: true, signal: abort.signal }).catch(caught);
abort.abort();
await aborted;

// The callback's rejection comes when its fetch has long given up.
const late = Promise.withResolvers?.() ?? withResolvers();
const impatient = new RefreshableSession({
  ...hsm,
  timeoutMs: 50,
  pkcs11: { ...hsm.pkcs11, userPin: () => late.promise },
});
await impatient.credentials().catch(caught);
late.reject(new Error("too late"));

// A refresh in the background: keys are served while it fails.
const background = new RefreshableSession(short);
await background.credentials();
process.send({ type: "holding" });
const reading = setInterval(() => background.credentials().catch(caught), 20);
await new Promise((resolve) => process.once("message", resolve));
clearInterval(reading);

if (leak) session.credentials();
await session.credentials().catch(caught);
// Rejections are reported when the microtasks have run.
await new Promise(setImmediate);
console.log(JSON.stringify(codes));
process.disconnect();

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
