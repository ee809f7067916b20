// An npm registry on loopback: it holds what is given to it or published to it, and nothing else.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

/** Serves these packages of `pack`, if any. */
export async function startRegistry({ root, platforms } = {}) {
  const registry = new Registry();
  for (const packed of root === undefined ? [] : [root, ...platforms]) {
    const manifest = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8"));
    registry.add(manifest, basename(packed.tarball), readFileSync(packed.tarball));
  }
  await registry.listen();
  return registry;
}

class Registry {
  #documents = new Map();
  #tarballs = new Map();
  #server = createServer((request, response) => this.#answer(request, response));
  /** The names of what was published, in order. */
  published = [];

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  add(manifest, file, tarball) {
    const { name, version } = manifest;
    this.#tarballs.set(file, tarball);
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    this.#documents.set(name, {
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist: { integrity, tarball: file } } },
    });
  }

  async #answer(request, response) {
    const path = decodeURIComponent(new URL(request.url, this.url).pathname.slice(1));
    response.setHeader("content-type", "application/json");
    if (request.method === "PUT") {
      const { name, versions, _attachments } = JSON.parse(Buffer.concat(await request.toArray()));
      const [[file, { data }]] = Object.entries(_attachments);
      this.add(Object.values(versions)[0], file, Buffer.from(data, "base64"));
      this.published.push(name);
      response.statusCode = 201;
      return response.end("{}");
    }
    if (path.startsWith("-/") && this.#tarballs.has(path.slice(2)))
      return response.end(this.#tarballs.get(path.slice(2)));
    const document = this.#documents.get(path);
    if (document === undefined) response.statusCode = 404;
    const files = `${this.url}-/`;
    response.end(JSON.stringify(document ?? {}, (key, value) => (key === "tarball" ? `${files}${value}` : value)));
  }
}
