// Name lookup and dual stack, as they go wrong in the field: with a resolver, an `/etc` and routes that are the test's.

import test from "ava";
import { kinds, OwnNetwork, whyNot } from "./support/own-network.mjs";

const SLACK_MS = 500;
const RESOLVER = "nameserver 127.0.0.53\n";

const testIf = whyNot === undefined ? test : test.skip;
if (whyNot !== undefined) console.warn(`link-names: ${whyNot}`);

/** IPv6 addresses that answer no SYN, and some that no route leads to. */
const HOSTS = `127.0.0.1 localhost
2001:db8:dead::1 no-route.test
127.0.0.1 no-route.test
2001:db8::1 black-hole.test
127.0.0.1 black-hole.test
2001:db8::1 many.test
2001:db8::2 many.test
2001:db8::3 many.test
127.0.0.1 many.test
2001:db8::1 nowhere.test
2001:db8::2 nowhere.test
`;

let network;
test.before(async () => {
  if (whyNot !== undefined) return;
  network = await OwnNetwork.start({ hosts: HOSTS, "resolv.conf": RESOLVER });
  // A wire with nobody at its end, but for the neighbours that the kernel believes in.
  for (const line of [
    "link add wire0 type veth peer name wire1",
    "link set wire0 up",
    "link set wire1 up",
    "addr add 10.9.0.1/16 dev wire0",
    "neigh add 10.9.9.9 lladdr 02:00:00:00:00:09 dev wire0 nud permanent",
    "-6 addr add 2001:db8::ffff/64 dev wire0 nodad",
    ...[1, 2, 3].map((n) => `-6 neigh add 2001:db8::${n} lladdr 02:00:00:00:00:0${n} dev wire0 nud permanent`),
  ]) {
    await network.call("ip", { args: line.split(" ") });
  }
});
test.after.always(() => network?.end());

let names = 0;
/** A session on this name. */
async function session(kind, host, options = {}, on = network) {
  const name = `session-${++names}`;
  await on.call("open", { name, kind, host, options });
  return { fetch: () => on.call("fetch", { name }) };
}

for (const kind of kinds) {
  for (const [what, address, code, message] of [
    ["where nothing listens", "127.0.0.2", "ERR_CONNECT", /127\.0\.0\.2:\d+ refused/],
    [
      "that no route leads to",
      "203.0.113.1",
      "ERR_CONNECT",
      /203\.0\.113\.1:\d+ unreachable \(no route to the network\)/,
    ],
    ["that answers no SYN", "10.9.9.9", "ERR_TIMEOUT", /\(10\.9\.9\.9:\d+ no answer within \d+ ms\)/],
  ]) {
    testIf(`an address ${what}, ${kind}: ${code}, and the next call works at another one`, async (t) => {
      const host = `at-${address.replaceAll(".", "-")}-${kind.toLowerCase()}.test`;
      const { fetch } = await session(kind, host, { timeoutMs: 1500 });
      const failed = await fetch();
      t.is(failed.code, code, failed.message);
      t.regex(failed.message, message);
      t.true(failed.took <= 1500 + SLACK_MS, `took ${failed.took} ms`);
      await network.call("back", { name: host });
      const { accessKeyId, message: why } = await fetch();
      t.regex(accessKeyId ?? why, /^ASIA/);
    });
  }

  for (const [what, code, message] of [
    ["silent", "ERR_TIMEOUT", /no answer within 1500 ms; it was looking up the name/],
    ["servfail", "ERR_DNS", /the name servfail-\w+\.test does not resolve: .*[Tt]emporary failure/],
    ["nxdomain", "ERR_DNS", /the name nxdomain-\w+\.test does not resolve: .*not known/],
    ["nodata", "ERR_DNS", /the name nodata-\w+\.test does not resolve: .*[Nn]o address/],
  ]) {
    testIf(`a resolver: ${what}, ${kind}: ${code}, and the next call works once it answers`, async (t) => {
      const host = `${what}-${kind.toLowerCase()}.test`;
      const { fetch } = await session(kind, host, { timeoutMs: 1500 });
      const failed = await fetch();
      t.is(failed.code, code, failed.message);
      t.regex(failed.message, message);
      t.true(failed.retryable && failed.hint.length > 0);
      t.true(failed.took <= 1500 + SLACK_MS, `took ${failed.took} ms`);
      t.true((await network.call("asked", { name: host })) > 0, "it was the resolver");

      await network.call("back", { name: host });
      const { accessKeyId, took } = await fetch();
      t.regex(accessKeyId, /^ASIA/);
      t.true(took < 1500, `took ${took} ms`);
    });
  }

  testIf(`an IPv6 address that swallows packets costs a quarter of a second, ${kind}`, async (t) => {
    for (const host of ["black-hole.test", "many.test"]) {
      const { accessKeyId, message, took } = await (await session(kind, host)).fetch();
      t.regex(accessKeyId ?? message, /^ASIA/);
      t.true(took >= 250 && took < 1000, `${host} took ${took} ms`);
    }
  });

  testIf(`an IPv6 address that no route leads to costs nothing, ${kind}`, async (t) => {
    const { accessKeyId, message, took } = await (await session(kind, "no-route.test")).fetch();
    t.regex(accessKeyId ?? message, /^ASIA/);
    t.true(took < 1000, `took ${took} ms`);
  });

  testIf(`a name with dead addresses only, ${kind}: ERR_TIMEOUT says what each of them said`, async (t) => {
    const { code, message, took } = await (await session(kind, "nowhere.test", { timeoutMs: 1500 })).fetch();
    t.is(code, "ERR_TIMEOUT");
    t.regex(message, /\[2001:db8::1\]:\d+ no answer within \d+ ms; \[2001:db8::2\]:\d+ no answer within \d+ ms/);
    t.true(took <= 1500 + SLACK_MS, `took ${took} ms`);
  });
}

testIf("a resolver that stays silent is ERR_DNS after six seconds", async (t) => {
  const { code, message, took } = await (await session("PEM", "silent-for-long.test")).fetch();
  t.is(code, "ERR_DNS");
  t.regex(message, /the name silent-for-long\.test does not resolve: no answer within 6000 ms/);
  t.true(took >= 6000 && took <= 6000 + SLACK_MS, `took ${took} ms`);
});

testIf("one lost packet is survived", async (t) => {
  const { accessKeyId, message, took } = await (await session("PEM", "lossy.test")).fetch();
  t.regex(accessKeyId ?? message, /^ASIA/);
  t.true(took >= 4900 && took <= 6000 + SLACK_MS, `took ${took} ms`);
});

// A gateway boots before its network; DHCP writes the resolver later.
for (const [what, etc, how] of [
  ["none, then written by a rename", { hosts: HOSTS }, "rename"],
  ["an empty one, then written in place", { hosts: HOSTS, "resolv.conf": "" }, "write"],
  ["that of another network, then replaced", { hosts: HOSTS, "resolv.conf": "nameserver 127.0.0.99\n" }, "rename"],
]) {
  testIf(`resolv.conf: ${what}: the same process notices`, async (t) => {
    const own = await OwnNetwork.start(etc);
    t.teardown(() => own.end());
    const { fetch } = await session("PEM", "gw.test", { timeoutMs: 3000 }, own);
    const failed = await fetch();
    t.is(failed.code, "ERR_DNS", failed.message);
    t.is(await own.call("asked", { name: "gw.test" }), 0);
    await own.call(how, { file: "resolv.conf", text: RESOLVER });
    const { accessKeyId, message } = await fetch();
    t.regex(accessKeyId ?? message, /^ASIA/);
    t.true((await own.call("asked", { name: "gw.test" })) > 0);
  });
}
