// A server for what no broker here does: a certificate of more than a record, and records as small as they may be.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:tls";

const CONNACK = Buffer.from([0x20, 3, 0, 0, 0]);
const SUBSCRIBE = 0x82;
const payloadBytes = 20_000;
/** RFC 6066, section 4: the least that a client may ask for. */
const RECORD_BYTES = 512;

/** Accepts whoever comes, and sends a large message to whoever subscribes. */
export async function largeServer(t, bed, version) {
  const { key, cert } = certificate(bed);
  const server = createServer({ key, cert, minVersion: version, maxVersion: version }, (socket) => {
    socket.setMaxSendFragment(RECORD_BYTES);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(CONNACK);
      socket.on("data", (packet) => {
        if (packet[0] === SUBSCRIBE) socket.write(Buffer.concat([suback(packet), message()]));
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const endpoint = `127.0.0.1:${server.address().port}`;
  const der = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const options = { endpoint, serverName: "localhost", ca: bed.pki.deviceCa };
  return { options, certificateBytes: der.length, payloadBytes };
}

/** For the packet identifier of a SUBSCRIBE that is shorter than 128 bytes. */
const suback = (packet) => Buffer.from([0x90, 4, packet[2], packet[3], 0, 0]);

function message() {
  const body = Buffer.concat([Buffer.from("\0\x05large\0"), Buffer.alloc(payloadBytes, "x")]);
  const length = [(body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14];
  return Buffer.concat([Buffer.from([0x30, ...length]), body]);
}

function certificate(bed) {
  const dir = mkdtempSync(join(bed.dir, "large-"));
  const at = (name) => join(dir, name);
  const names = Array.from({ length: 900 }, (_, n) => `DNS:a-rather-long-name-${n}.example`);
  writeFileSync(at("extensions"), `basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,${names.join(",")}\n`);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
  const params = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=large"];
  openssl("req", "-new", ...params, "-keyout", at("key"), "-out", at("csr"));
  const ca = ["-CA", bed.pki.deviceCa, "-CAkey", bed.pki.deviceCaKey, "-CAserial", at("serial"), "-CAcreateserial"];
  openssl("x509", "-req", ...ca, "-in", at("csr"), "-out", at("pem"), "-days", "2", "-extfile", at("extensions"));
  return { key: readFileSync(at("key"), "utf8"), cert: readFileSync(at("pem"), "utf8") };
}
