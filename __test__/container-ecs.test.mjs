// The container endpoint at ECS's address, in a network of its own: the address is link-local, and on a machine in AWS
// somebody may really be there.

import test from "ava";
import { start } from "./children/run.mjs";
import { NAMESPACES, whyNot } from "./support/own-network.mjs";

const supported = whyNot === undefined ? test : test.skip;

async function inOwnNetwork(input) {
  const child = start("ecs.mjs", input, { within: ["unshare", NAMESPACES, "--"] });
  return child.message("done");
}

supported("a path of the environment comes before a URL, and is asked at ECS's address", async (t) => {
  const env = {
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/x?y=z",
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/",
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "token",
  };
  const { asked, accessKeyId, code } = await inOwnNetwork({ env });
  t.is(accessKeyId, "ASIAECS", code);
  t.deepEqual(asked, [{ url: "/v2/credentials/x?y=z", host: "169.254.170.2", authorization: "token" }]);
});

supported("a path of the options, whatever it looks like, stays a path; no proxy is asked", async (t) => {
  const env = { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" };
  const { asked, accessKeyId } = await inOwnNetwork({ env, options: { relativeUri: "//evil.example/x" } });
  t.is(accessKeyId, "ASIAECS");
  t.deepEqual(
    asked.map(({ url }) => url),
    ["//evil.example/x"],
  );
});

supported("a URL with ECS's address is asked too", async (t) => {
  const { asked, accessKeyId } = await inOwnNetwork({ env: {}, options: { fullUri: "http://169.254.170.2/full" } });
  t.is(accessKeyId, "ASIAECS");
  t.is(asked[0].url, "/full");
});
