// The account id reaches clients only where it was asked for: with it some services have other host names.

import test from "ava";
import { fromAssumeRole, fromContainer, fromWebIdentity } from "../dist/index.mjs";
import { startTestbed } from "./support/testbed.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

const sources = {
  sts: () => {
    const provider = async () => bed.iam.user;
    const assumeRole = { RoleArn: bed.iam.roles.OperatorRole, RoleSessionName: "gw-0042" };
    return (options) => fromAssumeRole({ assumeRole, ...sts(), sourceCredentials: provider, ...options });
  },
  "web identity": async () => {
    const webIdentityToken = await bed.identityToken();
    const assumeRole = { RoleArn: bed.iam.roles.WebRole, RoleSessionName: "gw-0042" };
    return (options) => fromWebIdentity({ assumeRole, ...sts(), webIdentityToken, ...options });
  },
  container: () => (options) => fromContainer({ fullUri: `${bed.container.url}/with/account`, ...options }),
};
const sts = () => ({ stsClientConfig: { region: "eu-west-1", endpoint: bed.sts.http } });

for (const [title, make] of Object.entries(sources)) {
  test.serial(`${title}: accountId is handed on to those who ask for it, of the same keys`, async (t) => {
    const from = await make();
    const without = await from({})();
    t.false("accountId" in without);
    const withIt = await from({ accountId: true })();
    t.is(withIt.accountId, "123456789012");
    t.is(withIt.accessKeyId, without.accessKeyId, "one fetch");
    t.false("accountId" in (await from({ accountId: false })()));
  });
}
