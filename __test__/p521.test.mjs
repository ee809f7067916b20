// P-521 keys, which work in tokens alone: the token checks its own signatures, since the addon cannot. Nor can the
// testbed, so the servers here are Node's own and GnuTLS'.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { ConfigurationError, RefreshableSession } from "../dist/index.mjs";
import { startTestbed } from "./support/testbed.mjs";

const execute = promisify(execFile);

let tb;
let gw;
const run = (program, ...args) => execute(program, args, { cwd: tb.dir });
const P521 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-nodes"];
const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

test.before(async () => {
  tb = await startTestbed({ tokens: true });
  gw = tb.tokens.tokens.gw;
  await run("openssl", "req", "-x509", ...P256, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=server-ca");
  await run("openssl", "req", ...P256, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost");
  await writeFile(join(tb.dir, "san"), "subjectAltName=DNS:localhost");
  const sign = ["-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  await run("openssl", "x509", ...sign, "-extfile", "san", "-out", "server.pem");
  await run(
    "openssl",
    "req",
    "-x509",
    ...P521,
    "-keyout",
    "gw.key",
    "-out",
    "gw.pem",
    "-subj",
    "/CN=gw-p521",
    "-days",
    "400",
  );
  const place = ["--token", "gw", "--label", "p521", "--id", "52", "--pin", gw.pin];
  await run("softhsm2-util", "--import", "gw.key", ...place);
});
test.after.always(() => tb?.stop());

const file = (name) => join(tb.dir, name);

/** A credentials endpoint that asks for this very device certificate; `seen` are the connections of its requests. */
async function endpoint(t, version) {
  const seen = [];
  const server = createServer(
    {
      key: readFileSync(file("server.key")),
      cert: readFileSync(file("server.pem")),
      ca: readFileSync(file("gw.pem")),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    },
    (request, response) => {
      const { subject, nistCurve } = request.socket.getPeerCertificate();
      seen.push([request.socket.authorized, request.socket.getProtocol(), subject.CN, nistCurve]);
      const expiration = new Date(Date.now() + 3_600_000).toISOString();
      const credentials = { accessKeyId: "ASIAP521P521P521P521", secretAccessKey: "s", sessionToken: "t", expiration };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ credentials }));
    },
  );
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, address: `localhost:${server.address().port}` };
}

/** A GnuTLS server that asks for the same certificate, over TLS 1.2. */
async function gnutls(t) {
  const free = createTcpServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  await new Promise((resolve) => free.close(resolve));
  const trust = ["--x509cafile", "gw.pem", "--require-client-cert", "--verify-client-cert"];
  const own = ["--x509certfile", "server.pem", "--x509keyfile", "server.key"];
  const args = ["--http", "-p", `${port}`, ...own, ...trust, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"];
  const child = spawn("gnutls-serv", args, { cwd: tb.dir, stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => child.kill());
  let output = "";
  const waiting = new Set();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
      for (const look of waiting) look();
    });
  }
  const said = (text) =>
    new Promise((resolve) => {
      const look = () => output.includes(text) && waiting.delete(look) && resolve();
      waiting.add(look);
      look();
    });
  await said("done");
  return { address: `localhost:${port}`, said, output: () => output };
}

function session(t, address, options = {}) {
  const pkcs11 = { library: tb.tokens.module, tokenLabel: "gw", privateKeyId: "52", userPin: gw.pin };
  const opened = new RefreshableSession({
    method: "iot",
    endpoint: address,
    roleAlias: "gateway-role",
    ca: file("ca.pem"),
    certificate: file("gw.pem"),
    pkcs11,
    ...options,
  });
  t.teardown(() => opened.close());
  return opened;
}

test.serial("a P-521 key in a token, over TLS 1.3, is good for OpenSSL", async (t) => {
  const { seen, address } = await endpoint(t, "TLSv1.3");
  t.is((await session(t, address).credentials()).accessKeyId, "ASIAP521P521P521P521");
  t.deepEqual(seen, [[true, "TLSv1.3", "gw-p521", "P-521"]]);
});

test.serial("a P-521 key in a token, over TLS 1.2, is good for GnuTLS", async (t) => {
  const server = await gnutls(t);
  // It has no credentials to give, but a page for whoever got in.
  await t.throwsAsync(session(t, server.address).credentials(), { code: "ERR_BAD_REPLY", message: /HTML/ });
  await server.said("Client Signature: ECDSA-SHA512");
  t.regex(server.output(), /The certificate is trusted/);
  t.regex(server.output(), /\(TLS1\.2-X\.509\)/);
});

test.serial("over TLS 1.2 OpenSSL wants P-521 in the client's key exchange too: the error says so", async (t) => {
  const { seen, address } = await endpoint(t, "TLSv1.2");
  const error = await t.throwsAsync(session(t, address).credentials(), { code: "ERR_CERTIFICATE_REFUSED" });
  t.regex(error.message, /IllegalParameter/);
  t.regex(error.hint, /P-521 key over TLS 1\.2.*TLS 1\.3/);
  t.deepEqual(seen, []);
});

test.serial("a P-521 key in a file: ERR_UNSUPPORTED_KEY, which says where it would work", (t) => {
  const error = t.throws(() => session(t, "localhost:1", { pkcs11: undefined, privateKey: file("gw.key") }), {
    instanceOf: ConfigurationError,
    code: "ERR_UNSUPPORTED_KEY",
  });
  t.regex(error.message, /EC P-521/);
  t.regex(error.hint, /only in a PKCS#11 token/);
});

test.serial("a token without the public key: ERR_UNSUPPORTED_KEY, and what to write to it", async (t) => {
  const login = ["--module", tb.tokens.module, "--token-label", "gw", "--login", "--pin", gw.pin];
  await run("pkcs11-tool", ...login, "--delete-object", "--type", "pubkey", "--id", "52");
  const { seen, address } = await endpoint(t, "TLSv1.3");
  // The session before has seen the object: its handle is gone with it.
  const error = await t.throwsAsync(session(t, address, { certificateWarningDays: 0 }).credentials(), {
    code: "ERR_UNSUPPORTED_KEY",
  });
  t.regex(error.message, /no public-key object with the certificate's point/);
  t.regex(error.hint, /pkcs11-tool --write-object/);
  t.deepEqual(seen, []);

  await run("openssl", "ec", "-in", "gw.key", "-pubout", "-outform", "DER", "-out", "gw.pub");
  const write = ["--write-object", "gw.pub", "--type", "pubkey", "--label", "p521", "--id", "52", "--usage-sign"];
  await run("pkcs11-tool", ...login, ...write);
  t.is((await session(t, address, { certificateWarningDays: 1 }).credentials()).accessKeyId, "ASIAP521P521P521P521");
  t.deepEqual(seen, [[true, "TLSv1.3", "gw-p521", "P-521"]]);
});
