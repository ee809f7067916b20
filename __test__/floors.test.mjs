// The house of docs/ARCHITECTURE.md: arrows point only to a lower floor, each outside library lives in one room, and
// `unsafe` in two. Read from what Cargo resolved and from the sources, not from what anybody says.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("..", import.meta.url));
const PREFIX = "refresh-session-";

function metadata() {
  const args = ["metadata", "--format-version", "1", "--locked"];
  const options = { cwd: root, maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] };
  try {
    return JSON.parse(execFileSync("cargo", [...args, "--offline"], options));
  } catch {
    // Sources of other platforms' packages need not be there yet.
    return JSON.parse(execFileSync("cargo", args, options));
  }
}

const { packages, resolve, workspace_members: members } = metadata();
const byId = new Map(packages.map((found) => [found.id, found]));
const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
/** Our packages by room; the addon itself is `root`. */
const rooms = new Map(members.map((id) => [roomOf(byId.get(id).name), byId.get(id)]));

function roomOf(name) {
  return name === "refresh-session" ? "root" : name.slice(PREFIX.length);
}

/** What a room names in its manifest, by kind of dependency (`normal`, `dev`, `build`). */
function named(room, kinds = ["normal", "dev", "build"]) {
  return rooms
    .get(room)
    .dependencies.filter(({ kind }) => kinds.includes(kind ?? "normal"))
    .map(({ name }) => name);
}

const ours = (name) => name === "refresh-session" || name.startsWith(PREFIX);

// ------------------------------------------------------------------------------------------------------------ floors

/** Every room with the rooms it may name: those of lower floors. */
const below = {
  core: [],
  refresh: ["core"],
  pkcs11: ["core"],
  tls: ["core"],
  mfa: ["core"],
  spool: ["core"],
  container: ["core", "tls"],
  iot: ["core", "refresh", "pkcs11", "tls"],
  sts: ["core", "refresh", "pkcs11", "tls"],
  mqtt: ["core", "refresh", "pkcs11", "tls"],
  websocket: ["core", "tls"],
  session: ["core", "refresh", "pkcs11", "tls", "mfa", "container", "iot", "sts", "mqtt", "websocket", "spool"],
  root: ["core", "refresh", "pkcs11", "tls", "mfa", "container", "iot", "sts", "mqtt", "websocket", "spool", "session"],
  testbed: [],
};

test("every room has its floor", (t) => {
  for (const room of rooms.keys()) t.true(room in below, `${room} is on no floor: add it to the table`);
  for (const room of [
    "core",
    "refresh",
    "pkcs11",
    "tls",
    "iot",
    "sts",
    "mqtt",
    "websocket",
    "spool",
    "session",
    "root",
    "testbed",
  ])
    t.true(rooms.has(room), room);
});

for (const room of rooms.keys()) {
  test(`${room} names only rooms of lower floors`, (t) => {
    const wrong = named(room)
      .filter(ours)
      .map(roomOf)
      .filter((other) => !below[room]?.includes(other));
    t.deepEqual(wrong, []);
  });
}

test("every room but the testbed stands on core", (t) => {
  for (const room of rooms.keys()) {
    if (room !== "core" && room !== "testbed") t.true(named(room, ["normal"]).includes(`${PREFIX}core`), room);
  }
});

// --------------------------------------------------------------------------------------------------------- libraries

/** Outside libraries with the rooms that may name them. The testbed is a peer: it needs its own TLS. */
const homes = {
  cryptoki: ["pkcs11"],
  "cryptoki-sys": ["pkcs11"],
  libloading: ["pkcs11"],
  rustls: ["tls", "testbed"],
  "tokio-rustls": ["tls", "testbed"],
  "rustls-native-certs": ["tls"],
  hyper: ["tls"],
  "hyper-util": ["tls"],
  ring: ["core", "testbed"],
  "aws-credential-types": ["sts", "websocket"],
  "aws-sdk-sts": ["sts"],
  "aws-sigv4": ["sts", "websocket"],
  "aws-smithy-runtime-api": ["sts"],
  "aws-smithy-types": ["sts"],
  "arc-swap": ["session"],
  fastrand: ["refresh", "mqtt"],
  rustix: ["mfa", "spool", "session"],
  shlex: ["mfa"],
  napi: ["root"],
  "napi-derive": ["root"],
  "napi-build": ["root"],
  rumqttc: ["mqtt", "testbed"],
  httparse: ["websocket"],
  "tokio-websockets": ["websocket"],
  "tokio-tungstenite": ["websocket", "testbed"],
};

for (const [library, allowed] of Object.entries(homes)) {
  test(`${library} is named by ${allowed.length === 0 ? "no room" : `${allowed.join(" and ")} only`}`, (t) => {
    const users = [...rooms.keys()].filter((room) => named(room).includes(library));
    t.deepEqual(
      users.filter((room) => !allowed.includes(room)),
      [],
    );
    for (const room of allowed)
      t.true(users.includes(room), `${room} does not name ${library} any more: shorten the table`);
  });
}

test("no crate of AWS is named but by sts and websocket, and none without default-features = false", (t) => {
  for (const room of rooms.keys()) {
    const aws = rooms.get(room).dependencies.filter(({ name }) => name.startsWith("aws-"));
    if (room === "sts" || room === "websocket")
      t.true(aws.length > 0 && aws.every((found) => !found.uses_default_features));
    else t.deepEqual(aws, [], room);
  }
});

test("core, refresh, pkcs11, iot, sts, mqtt and spool know no runtime", (t) => {
  for (const room of ["core", "refresh", "pkcs11", "iot", "sts", "mqtt", "spool"])
    t.false(named(room, ["normal"]).includes("tokio"), room);
});

test("the refresh machine stands on core and random numbers alone", (t) => {
  t.deepEqual(named("refresh", ["normal", "build"]).sort(), ["fastrand", `${PREFIX}core`]);
});

test("the MQTT machine stands on core, bytes and random numbers; rumqttc only plays its server in tests", (t) => {
  t.deepEqual(named("mqtt", ["normal", "build"]).sort(), ["bytes", "fastrand", `${PREFIX}core`]);
  t.deepEqual(named("mqtt", ["dev"]), ["rumqttc"]);
});

test("tungstenite only plays websocket's server in tests", (t) => {
  t.false(named("websocket", ["normal", "build"]).includes("tokio-tungstenite"));
});

/** Ids of everything the addon is made of: normal dependencies, transitively. */
function inTheAddon() {
  const seen = new Set();
  const visit = (id) => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      if (kinds.some(({ kind }) => kind === null)) visit(pkg);
    }
  };
  visit(rooms.get("root").id);
  return seen;
}

const shipped = [...inTheAddon()].map((id) => byId.get(id));

test("the addon holds no second TLS stack and no second HTTP client", (t) => {
  const banned = [
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "native-tls",
    "boring",
    "boring-sys",
    "reqwest",
    "hyper-rustls",
    "aws-smithy-http-client",
    "p256",
    "mbedtls",
    // Its codec is wrong in places (docs/decisions/0020-mqtt-codec.md), its event loop loses messages.
    "rumqttc",
    // One WebSocket is enough (docs/decisions/0021-websocket.md).
    "tungstenite",
  ];
  t.deepEqual(
    shipped.map(({ name }) => name).filter((name) => banned.includes(name)),
    [],
  );
  // The walk really goes down to the leaves.
  for (const name of ["rustls", "ring", "cryptoki-sys", "napi-sys"])
    t.true(
      shipped.some((found) => found.name === name),
      name,
    );
});

for (const name of ["rustls", "ring", "tokio", "hyper", "cryptoki-sys", "rustls-webpki"]) {
  test(`the workspace holds exactly one version of ${name}`, (t) => {
    const versions = packages.filter((found) => found.name === name).map(({ version }) => version);
    t.is(versions.length, 1, versions.join(", "));
  });
}

test("every dependency comes from the registry or from here", (t) => {
  for (const { name, source } of packages) {
    if (ours(name)) t.is(source, null, name);
    else t.true(source?.startsWith("registry+"), `${name}: ${source}`);
  }
});

test("no room of ours can be published by accident", (t) => {
  for (const [room, { publish }] of rooms) t.deepEqual(publish, [], room);
});

// ------------------------------------------------------------------------------------------------------------ sources

function filesIn(folder, extension) {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const read = (path) => readFileSync(join(root, path), "utf8");

/** Rust without comments and texts, roughly: what is left over is code. */
function code(source) {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/"(?:\\[\s\S]|[^"\\])*"/g, '""')
    .replaceAll(/\/\/.*$/gm, "");
}

test("`unsafe` is in the PKCS#11 room and the bridge only", (t) => {
  const users = [...filesIn("crates", /\.rs$/), ...filesIn("src", /\.rs$/), "build.rs"].filter((path) =>
    /\bunsafe\b(?!_)/.test(code(read(path))),
  );
  t.deepEqual(
    users.filter((path) => !path.startsWith("crates/pkcs11/") && !path.startsWith("src/native/")),
    [],
  );
  t.true(
    users.some((path) => path.startsWith("crates/pkcs11/")),
    "the search finds what is there",
  );
});

test("every other room forbids `unsafe` at its door", (t) => {
  for (const room of rooms.keys()) {
    if (room === "pkcs11" || room === "root") continue;
    const doors = ["lib.rs", "main.rs"].map((name) => join("crates", room, "src", name));
    const door = doors.find((path) => existsSync(join(root, path)));
    t.regex(read(door), /^#!\[forbid\(unsafe_code\)\]$/m, door);
  }
});

test("every room takes the workspace's lints", (t) => {
  for (const [room, { manifest_path: path }] of rooms)
    t.regex(readFileSync(path, "utf8"), /^\[lints\]\nworkspace = true$/m, room);
});

/** What reads a clock, sleeps, waits or shares: the machine is told the time and decides; its driver does the rest. */
const notInTheMachine =
  /\b(Instant|SystemTime|UNIX_EPOCH|SystemClock|Clock|thread|sleep|Mutex|RwLock|Condvar|Atomic\w+|OnceLock|LazyLock|async|await|Future|env|fs|net|process)\b/;

test("the machines name no clock, no lock, no thread and no I/O", (t) => {
  for (const room of ["refresh", "mqtt"]) {
    const files = filesIn(`crates/${room}/src`, /\.rs$/);
    t.true(files.length >= 10);
    for (const path of files) {
      const found = code(read(path))
        .split("\n")
        .filter((line) => notInTheMachine.test(line));
      t.deepEqual(found, [], path);
    }
  }
  t.regex(code(read("crates/session/src/engine/mod.rs")), notInTheMachine, "the search finds what is there");
});

test("no room but pkcs11 and session names a PKCS#11 type in its code", (t) => {
  for (const room of ["core", "refresh", "tls", "iot", "sts", "mqtt", "websocket"]) {
    for (const path of filesIn(join("crates", room, "src"), /\.rs$/)) {
      t.notRegex(code(read(path)), /\bcryptoki\b|refresh_session_pkcs11/, path);
    }
  }
});

// -------------------------------------------------------------------------------------------------------- TypeScript

/** What a TypeScript file imports, whatever way: specifiers. */
function imports(path) {
  const found = read(path).matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*|\brequire\s*\(\s*)["']([^"']+)["']/g);
  return [...found].map(([, specifier]) => specifier);
}

const typescript = filesIn("src/ts", /\.m?ts$/);

test("src/ts imports no module that reads files, opens sockets or makes processes", (t) => {
  const forbidden = /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|child_process|cluster|vm)$/;
  // What finds the addon looks at the addon's file.
  const allowed = { "src/ts/native.ts": ["node:fs"], "src/ts/addon/elf.ts": ["node:fs"] };
  for (const path of typescript) {
    t.deepEqual(
      imports(path).filter((specifier) => forbidden.test(specifier) && !allowed[path]?.includes(specifier)),
      [],
      path,
    );
  }
  t.true(typescript.flatMap(imports).includes("node:util"), "the search finds what is there");
});

test("src/ts imports nothing but Node and itself", (t) => {
  for (const path of typescript) {
    for (const specifier of imports(path)) t.regex(specifier, /^(node:|\.)/, `${path}: ${specifier}`);
  }
});

test("options, clients, callbacks, errors and types import neither the engine nor the addon", (t) => {
  const low = typescript.filter((path) =>
    /^src\/ts\/(options\/.*|client\/.*|custom\/.*|errors|events|types|presented|reporting)\.ts$/.test(path),
  );
  t.true(low.length >= 20);
  for (const path of low) {
    t.deepEqual(
      imports(path).filter((specifier) =>
        /\/(native|engine|RefreshableSession|refreshable|fromCustom|fromIot|provider|index)$/.test(specifier),
      ),
      [],
      path,
    );
  }
});

const commandLine = filesIn("src/cli", /\.ts$/);

test("the command line stands on src/ts, and src/ts knows nothing of it", (t) => {
  t.true(commandLine.length >= 10);
  for (const path of typescript) {
    const upwards = imports(path).filter((specifier) => /\/cli\b/.test(specifier));
    t.deepEqual(upwards, [], path);
  }
  const forbidden = /^(node:)?(net|tls|http|https|http2|dgram|dns|child_process|cluster|vm)$/;
  for (const path of commandLine) {
    for (const specifier of imports(path)) {
      t.notRegex(specifier, forbidden, path);
      t.regex(specifier, /^(node:|\.|commander$)/, path);
    }
  }
});

test("the command line names no method", (t) => {
  for (const path of commandLine.filter((path) => !path.endsWith(".generated.ts"))) {
    t.notRegex(read(path), /["'](iot|custom|sts|container|webIdentity)["']/, path);
  }
});

test("only what opens sessions and connections imports the addon", (t) => {
  const users = typescript.filter((path) => imports(path).some((specifier) => /\/native$/.test(specifier)));
  t.deepEqual(users.sort(), ["src/ts/mqtt/MqttConnection.ts", "src/ts/open.ts"]);
});
