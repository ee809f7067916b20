// What a long life brings: links that went away behind an idle connection, names with several addresses, files that
// are no files, callbacks that fail.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import test from "ava";
import { RefreshableSession } from "refresh-session";
import { start } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

test.serial("a FIFO in place of a file is refused, not waited for", (t) => {
  const fifo = join(tb.dir, "fifo.pem");
  execFileSync("mkfifo", [fifo]);
  for (const name of ["certificate", "privateKey", "ca"]) {
    const error = t.throws(() => new RefreshableSession(tb.pem("ec256", { [name]: fifo })));
    t.like(error, { code: "ERR_FILE_UNREADABLE", param: name });
  }
});

test.serial("a FIFO in place of a PIN file is refused, not waited for", async (t) => {
  const fifo = join(tb.dir, "fifo.pin");
  execFileSync("mkfifo", [fifo]);
  const { gw } = tb.tokens.tokens;
  const pkcs11 = `pkcs11:token=gw;id=%${gw.keys.ec256.id}?module-path=${tb.tokens.module}&pin-source=${fifo}`;
  const session = new RefreshableSession(tb.hsm("ec256", { pkcs11 }));
  await t.throwsAsync(session.credentials(), { code: "ERR_FILE_UNREADABLE" });
  await session.close();
});

test.serial("an IPv6 address stands in brackets in Host", async (t) => {
  const server = createServer().listen(0, "::1");
  await once(server, "listening");
  const session = new RefreshableSession(
    tb.pem("ec256", { endpoint: `[::1]:${server.address().port}`, timeoutMs: 1000 }),
  );
  server.once("connection", (socket) => socket.destroy());
  const error = await t.throwsAsync(session.credentials());
  t.regex(error.message, new RegExp(`\\[::1\\]:${server.address().port}`));
  await session.close();
  server.close();
});

for (const [title, failing] of [
  ["throws nothing printable", "() => { throw Object.create(null) }"],
  ["throws a symbol", "() => { throw Symbol('mine') }"],
  ["rejects", "async () => { throw new Error('mine') }"],
]) {
  test.serial(`a callback that ${title} neither ends the process nor fails a fetch`, async (t) => {
    const options = tb.pem("ec256", { verifyPeer: false });
    const { code, stdout, stderr } = await start("callback.mjs", { options, failing }).ended;
    t.is(code, 0, stderr);
    t.regex(stdout, /^ASIA/);
    t.is(stderr.match(/RefreshSessionWarning: a callback given to refresh-session failed/g)?.length, 3, stderr);
  });
}
