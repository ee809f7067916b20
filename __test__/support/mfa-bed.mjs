// A user with an MFA device of its own: no code goes out twice in one process, so every test has its device.

let users = 0;

/** A new user, and the codes of its device: one that is good, or the one of so many half minutes from now. */
export async function mfaBed(bed) {
  const name = `mfa-${process.pid}-${++users}`;
  const user = await bed.makeUser(name);
  return { user, code: (steps) => bed.mfaCode(name, steps) };
}
