//! How a locked PIN is unlocked, by what the module and the token call themselves.

use cryptoki::context::Info;

use crate::token_info::TokenInfo;

/// What is found in the names, in lower case, and what to do then. The first that fits counts.
const TOOLS: [(&str, &str); 7] = [
    ("tpm2", "`tpm2_dictionarylockout -c` clears the TPM's lockout, or wait until it has forgotten a try"),
    ("piv library", "`ykman piv access unblock-pin` with the PUK"),
    ("opencryptoki", PKCSCONF),
    ("meta pkcs11 library", PKCSCONF),
    (
        "cloudhsm",
        "an admin sets a new password with `user change-password --role crypto-user` in `cloudhsm-cli`",
    ),
    (
        "luna",
        "the partition's security officer sets a new one with `role resetpw -name co` in `lunacm`, if the HSM's policy \
         15 allows it",
    ),
    ("opensc", "`pkcs15-tool --unblock-pin` with the PUK"),
];

/// Older versions, 3.8 among them, call themselves "Meta PKCS11 LIBRARY".
const PKCSCONF: &str = "`pkcsconf -c <slot> -u` with the security officer's PIN sets a new one";

const ANY: &str = "`pkcs11-tool --module <library> --token-label <label> --login --login-type so --init-pin` sets a new \
                   one with the security officer's PIN, on most tokens";

/// Completes "Unlock it: …".
pub(crate) fn how(library: Option<&Info>, token: &TokenInfo) -> &'static str {
    let library = library.map(|info| format!("{} {}", info.library_description(), info.manufacturer_id()));
    how_by_names(&format!("{} {} {}", library.unwrap_or_default(), token.manufacturer, token.model))
}

fn how_by_names(names: &str) -> &'static str {
    let names = names.to_lowercase();
    TOOLS.iter().find(|(name, _)| names.contains(name)).map_or(ANY, |(_, tool)| *tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_is_the_vendors() {
        assert!(how_by_names("TPM2.0 Cryptoki tpm2-software.github.io").contains("tpm2_dictionarylockout"));
        assert!(how_by_names("PKCS#11 PIV Library (SP-800-73) Yubico (www.yubico.com)").contains("ykman"));
        assert!(!how_by_names("Yubico (www.yubico.com) YubiHSM").contains("ykman"));
        // What opencryptoki 3.8 with its software token calls itself.
        assert!(how_by_names("Meta PKCS11 LIBRARY IBM IBM Corp. IBM SoftTok").contains("pkcsconf"));
        assert!(how_by_names("Implementation of PKCS11 SoftHSM").contains("--init-pin"));
    }
}
