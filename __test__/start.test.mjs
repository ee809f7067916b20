// What loading the package does, and what it leaves for later. Each in a process of its own.

import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { rootManifest } from "../scripts/platforms.mjs";
import { addon, here, Installed } from "./support/installed.mjs";

const run = promisify(execFile);
const onLinux = here?.os === "linux" ? test : test.skip;

/** The package with its addon. */
function installed(t) {
  const package_ = new Installed(t);
  package_.add(here, readFileSync(addon));
  return package_;
}

/** Runs `script`, which says `tell(value)` in the end; that value. */
async function told(dir, script) {
  const tell = "const tell = (value) => console.log(JSON.stringify(value));";
  const { stdout } = await run(process.execPath, ["-e", `${tell}\n${script}`], { cwd: dir });
  return JSON.parse(stdout);
}

/** A session that asks nobody for anything. */
const SESSION = `new RefreshableSession({
  method: "custom",
  customCredentials: async () => ({ accessKey: "AKIA", secretKey: "s", token: "t", expiryTime: "2100-01-01T00:00:00Z" }),
})`;
const MQTT = '{ endpoint: "broker.example:8883", clientId: "gw-1", transport: "x509" }';

test("what MQTT needs is read when it is first asked for", async (t) => {
  const script = `
    const files = () => Object.keys(require.cache).map((path) => path.split(/[\\\\/]/).pop()).sort();
    const refresh = require("refresh-session");
    const loaded = files();
    ${SESSION.replace("new RefreshableSession", "const session = new refresh.RefreshableSession")};
    const withSession = files();
    const { MqttConnection } = refresh;
    tell({ loaded, withSession, later: files(), name: MqttConnection.name });
  `;
  const { loaded, withSession, later, name } = await told(installed(t).dir, script);
  t.deepEqual(loaded, [here.binary, "core.js", "index.js"].sort());
  t.deepEqual(withSession, loaded);
  t.deepEqual(later, [here.binary, "core.js", "index.js", "mqtt.js"].sort());
  t.is(name, "MqttConnection");
});

test("import and require give the same names and the same classes", async (t) => {
  const script = `
    const required = require("refresh-session");
    import("refresh-session").then((imported) => tell({
      required: Object.keys(required).sort(),
      imported: Object.keys(imported).sort(),
      same: Object.keys(imported).filter((name) => imported[name] === required[name]).sort(),
      called: Object.values(imported).map(({ name }) => name).sort(),
    }));
  `;
  const { required, imported, same, called } = await told(installed(t).dir, script);
  t.true(imported.includes("MqttConnection") && imported.includes("RefreshableSession"));
  t.deepEqual(required, imported);
  t.deepEqual(same, imported);
  t.deepEqual(called, imported, "each is called by its name, in stack traces too");
});

onLinux("loading starts no thread and no process; the first session starts one thread", async (t) => {
  const script = `
    const { readdirSync } = require("node:fs");
    const threads = () => readdirSync("/proc/self/task").length;
    const bare = threads();
    const before = new Set(process.moduleLoadList);
    const { RefreshableSession } = require("refresh-session");
    const loaded = threads();
    const modules = process.moduleLoadList.filter((name) => !before.has(name));
    const sessions = [${SESSION}, ${SESSION}];
    tell({ loaded: loaded - bare, withSessions: threads() - bare, modules });
  `;
  const { loaded, withSessions, modules } = await told(installed(t).dir, script);
  t.is(loaded, 0);
  t.is(withSessions, 1);
  for (const name of ["child_process", "net", "http", "https", "tls"]) {
    t.false(modules.includes(`NativeModule ${name}`), name);
  }
});

onLinux("a system that gives no resources for it is told so", async (t) => {
  const script = `
    const { execFileSync } = require("node:child_process");
    const limit = (files) => execFileSync("prlimit", ["--nofile=" + files + ":", "--pid", String(process.pid)]);
    const { RefreshableSession } = require("refresh-session");
    const tried = () => {
      try {
        return { method: ${SESSION}.method };
      } catch ({ code, message }) {
        return { code, message };
      }
    };
    limit(3);
    const short = tried();
    tell({ short });
  `;
  const { short } = await told(installed(t).dir, script);
  t.is(short.code, "ERR_INTERNAL");
  t.regex(short.message, /the system gave the addon no thread.*ulimit -n/);
});

// ------------------------------------------------------------------------------------- replaced while a process runs

async function replaced(t, change) {
  const package_ = installed(t);
  const script = `
    const { RefreshableSession } = require("refresh-session");
    const session = ${SESSION};
    (${change})();
    session.mqtt(${MQTT}).then(
      () => tell({ opened: true }),
      ({ name, code, message, retryable }) => session.close().then(() => tell({ name, code, message, retryable })),
    );
  `;
  const error = await told(package_.dir, script);
  t.is(error.name, "ConfigurationError");
  t.is(error.code, "ERR_NATIVE_ADDON");
  t.false(error.retryable);
  t.regex(error.message, /Restart this process/);
  return error.message;
}

const MQTT_FILE =
  'require("node:path").join(require("node:path").dirname(require.resolve("refresh-session")), "mqtt.js")';

test("an update below a running process is told, and mixes no versions", async (t) => {
  const { version } = rootManifest;
  const message = await replaced(
    t,
    `() => {
      const fs = require("node:fs");
      const text = fs.readFileSync(${MQTT_FILE}, "utf8");
      fs.writeFileSync(${MQTT_FILE}, text.replaceAll('VERSION = "${version}"', 'VERSION = "9.9.9"'));
    }`,
  );
  t.true(message.startsWith(`refresh-session ${version} was replaced by 9.9.9 while this process ran`), message);
});

test("a package that was removed below a running process is told", async (t) => {
  const message = await replaced(t, `() => require("node:fs").rmSync(${MQTT_FILE})`);
  t.true(message.startsWith("a part of refresh-session cannot be read"), message);
});

test("the part that is read later is part of the package", (t) => {
  const package_ = installed(t);
  rmSync(join(package_.dir, "node_modules/refresh-session/dist/mqtt.js"));
  return t.throwsAsync(run(process.execPath, ["-e", 'import("refresh-session")'], { cwd: package_.dir }), {
    message: /a part of refresh-session cannot be read/,
  });
});
