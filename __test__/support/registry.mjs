// An npm registry on loopback that holds the packages of this repository and nothing else.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

/** Serves what `pack` made; closed when the test ends. Its URL. */
export async function startRegistry(t, { root, platforms }) {
  const packages = new Map([root, ...platforms].map((packed) => [packed.name, packed]));
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url.slice(1));
    const { port } = server.address();
    if (packages.has(name)) {
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify(packument(packages.get(name), `http://127.0.0.1:${port}/-/`)));
    }
    const file = [...packages.values()].find(({ tarball }) => name === `-/${basename(tarball)}`);
    if (file === undefined) response.statusCode = 404;
    response.end(file === undefined ? "{}" : readFileSync(file.tarball));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

function packument({ name, folder, tarball }, files) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  const dist = { tarball: `${files}${basename(tarball)}`, integrity };
  const { version } = manifest;
  return { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
}
