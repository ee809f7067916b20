//! The one table of stable error codes.
//!
//! A code never changes its meaning once released. Its class says who can do something about it, and becomes the
//! JavaScript class of the error; `retryable` is whether the same call may succeed later without anybody's help.

use std::fmt;

/// Who can do something about an error, and the JavaScript class it becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Class {
    /// The caller: an option has a wrong type or value. `ValidationError`.
    Validation,
    /// The caller or whoever set the device up: options or files that do not fit together. `ConfigurationError`.
    Configuration,
    /// The source: it answered, but not with usable credentials. `CredentialError`.
    Credential,
    /// The network or the TLS peer. `ConnectionError`.
    Connection,
    /// AWS refused the request. `RequestError`.
    Request,
    /// The token, its module or its PIN. `Pkcs11Error`.
    Pkcs11,
    /// An MQTT operation or connection: what the server, its limits or the queue say to it. `MqttError`.
    Mqtt,
    /// The session is closed. `ClosedError`.
    Closed,
    /// Us: a defect. `RefreshError` itself.
    Internal,
}

impl Class {
    /// The name of the JavaScript class.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "ValidationError",
            Self::Configuration => "ConfigurationError",
            Self::Credential => "CredentialError",
            Self::Connection => "ConnectionError",
            Self::Request => "RequestError",
            Self::Pkcs11 => "Pkcs11Error",
            Self::Mqtt => "MqttError",
            Self::Closed => "ClosedError",
            Self::Internal => "RefreshError",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $class:ident, $retryable:literal;)+) => {
        /// A stable error code: `ERR_…` in JavaScript.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text that users match on.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whose error it is.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)+ }
            }

            /// Whether the same call may succeed later by itself.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)+ }
            }
        }
    };
}

codes! {
    /// An option has a wrong type or value; `param` names it.
    InvalidOption = "ERR_INVALID_OPTION", Validation, false;
    /// An option that does not exist: a typo must not silently weaken security.
    UnknownOption = "ERR_UNKNOWN_OPTION", Validation, false;
    /// An option that must be given is missing.
    MissingOption = "ERR_MISSING_OPTION", Validation, false;

    /// Two options exclude each other, or one needs another.
    ConflictingOptions = "ERR_CONFLICTING_OPTIONS", Configuration, false;
    /// A file named by an option cannot be read.
    FileUnreadable = "ERR_FILE_UNREADABLE", Configuration, false;
    /// The certificate is not a certificate, or there is none where one was promised.
    BadCertificate = "ERR_BAD_CERTIFICATE", Configuration, false;
    /// The private key is not a key in a form we read.
    BadPrivateKey = "ERR_BAD_PRIVATE_KEY", Configuration, false;
    /// The key is encrypted and the passphrase is missing or wrong.
    Passphrase = "ERR_PASSPHRASE", Configuration, false;
    /// A key type this build cannot use, such as RSA-1024, Ed25519, or P-521 outside of a token that can check its
    /// signatures.
    UnsupportedKey = "ERR_UNSUPPORTED_KEY", Configuration, false;
    /// The private key does not belong to the certificate.
    KeyMismatch = "ERR_KEY_MISMATCH", Configuration, false;
    /// The CA bundle holds no usable certificate.
    BadCa = "ERR_BAD_CA", Configuration, false;

    /// The reply is not the documented JSON: a field is missing, empty, of a wrong type, or a date is none.
    BadReply = "ERR_BAD_REPLY", Credential, true;
    /// The reply holds credentials that are already over.
    ExpiredReply = "ERR_EXPIRED_REPLY", Credential, true;
    /// The reply is larger than any genuine one.
    ReplyTooLarge = "ERR_REPLY_TOO_LARGE", Credential, true;

    /// A callback or provider of the user's failed; what it threw is the cause.
    CallbackFailed = "ERR_CALLBACK_FAILED", Credential, true;
    /// What a callback or provider of the user's gave are no credentials: a field is missing, empty or of a wrong type.
    BadCredentials = "ERR_BAD_CREDENTIALS", Credential, true;

    /// The program that `mfaTokenProvider` names gave no code: it is not there, failed, took too long, or wrote none.
    MfaCommand = "ERR_MFA_COMMAND", Credential, true;
    /// The function `mfaTokenProvider` gave something that is no code of six digits.
    MfaCode = "ERR_MFA_CODE", Credential, true;
    /// The code was sent before; AWS takes each once, so it was not sent again.
    MfaCodeUsed = "ERR_MFA_CODE_USED", Credential, true;

    /// The endpoint's name does not resolve.
    Dns = "ERR_DNS", Connection, true;
    /// The name is at an address that may not be asked for credentials over `http:`.
    AddressNotAllowed = "ERR_ADDRESS_NOT_ALLOWED", Connection, false;
    /// TCP was refused or unreachable; the message has what each address said.
    Connect = "ERR_CONNECT", Connection, true;
    /// The proxy asks for a user name and password: none were given, or it refused them.
    ProxyAuth = "ERR_PROXY_AUTH", Connection, false;
    /// The proxy refused to connect to the endpoint, or what it answered is no HTTP.
    Proxy = "ERR_PROXY", Connection, true;
    /// The way to the endpoint (name lookup, TCP, proxy, TLS) did not come up in `connectTimeoutMs`; the message names
    /// the phase that was under way.
    ConnectTimeout = "ERR_CONNECT_TIMEOUT", Connection, true;
    /// The whole fetch did not finish in `timeoutMs`; the message names the phase that was under way.
    Timeout = "ERR_TIMEOUT", Connection, true;
    /// TLS failed for a reason that no other code names.
    Tls = "ERR_TLS", Connection, true;
    /// The server's certificate is not trusted, not valid now, or for another name.
    ServerCertificate = "ERR_SERVER_CERTIFICATE", Connection, false;
    /// The server refused our certificate in the handshake.
    CertificateRefused = "ERR_CERTIFICATE_REFUSED", Connection, false;
    /// The server accepts no signature scheme that this key can do.
    NoCommonScheme = "ERR_NO_COMMON_SCHEME", Connection, false;
    /// The server takes no protocol of those offered by name in the TLS handshake (ALPN).
    Alpn = "ERR_ALPN", Connection, false;
    /// The connection ended before the reply did.
    ConnectionLost = "ERR_CONNECTION_LOST", Connection, true;
    /// What came back is not HTTP/1.1, or not the WebSocket that was asked for.
    Protocol = "ERR_PROTOCOL", Connection, true;

    /// 403: the thing is not attached to this certificate.
    ThingNotAttached = "ERR_THING_NOT_ATTACHED", Request, false;
    /// 403: who asks may not have this. IoT: no policy on the certificate allows `iot:AssumeRoleWithCertificate` on the role
    /// alias. STS: the role does not exist, does not trust the caller, or the caller has no `sts:AssumeRole` on it.
    AccessDenied = "ERR_ACCESS_DENIED", Request, false;
    /// 403: this endpoint does not know the certificate: wrong account, wrong region, not registered or inactive.
    CertificateNotAccepted = "ERR_CERTIFICATE_NOT_ACCEPTED", Request, false;
    /// 404: no such role alias in this account and region.
    RoleAliasNotFound = "ERR_ROLE_ALIAS_NOT_FOUND", Request, false;
    /// 400: the role is missing or does not trust `credentials.iot.amazonaws.com`.
    RoleNotAssumable = "ERR_ROLE_NOT_ASSUMABLE", Request, false;
    /// 400: a longer life is asked for than the role allows.
    DurationTooLong = "ERR_DURATION_TOO_LONG", Request, false;
    /// 403: AWS did not accept the MFA code: it is wrong, of another device, or was used before.
    MfaCodeRefused = "ERR_MFA_CODE_REFUSED", Request, true;
    /// 403: the credentials that the request was signed with are over.
    SourceCredentialsExpired = "ERR_SOURCE_CREDENTIALS_EXPIRED", Request, true;
    /// 403: AWS does not know the credentials that the request was signed with, or the secret is not theirs.
    SourceCredentialsRefused = "ERR_SOURCE_CREDENTIALS_REFUSED", Request, false;
    /// The time that the request was signed with is too far from the server's, although that was learnt.
    ClockSkew = "ERR_CLOCK_SKEW", Request, true;
    /// 400: the web identity token is over.
    IdentityTokenExpired = "ERR_IDENTITY_TOKEN_EXPIRED", Request, true;
    /// 400 or 403: AWS does not accept the web identity token: issuer, audience, signature or claims.
    IdentityTokenRefused = "ERR_IDENTITY_TOKEN_REFUSED", Request, false;
    /// 400: the session policy is malformed, or policies and tags are too large together.
    PolicyRefused = "ERR_POLICY_REFUSED", Request, false;
    /// 403: STS is not activated for this account in this region.
    RegionDisabled = "ERR_REGION_DISABLED", Request, false;
    /// 400: AWS finds a parameter of the request invalid.
    RequestRefused = "ERR_REQUEST_REFUSED", Request, false;
    /// 429, or any throttling error type.
    Throttled = "ERR_THROTTLED", Request, true;
    /// 5xx.
    ServiceUnavailable = "ERR_SERVICE_UNAVAILABLE", Request, true;
    /// Any other status.
    UnexpectedStatus = "ERR_UNEXPECTED_STATUS", Request, false;

    /// The PKCS#11 module cannot be loaded.
    Pkcs11Module = "ERR_PKCS11_MODULE", Pkcs11, false;
    /// The PKCS#11 module, or a folder above it, can be written by others than root and the user of this process.
    Pkcs11ModuleWritable = "ERR_PKCS11_MODULE_WRITABLE", Pkcs11, false;
    /// The PKCS#11 module, or a folder above it, belongs to somebody else than root and the user of this process.
    Pkcs11ModuleOwner = "ERR_PKCS11_MODULE_OWNER", Pkcs11, false;
    /// The PKCS#11 module is not the one whose SHA-256 was given.
    Pkcs11ModuleHash = "ERR_PKCS11_MODULE_HASH", Pkcs11, false;
    /// The PKCS#11 module is built for another processor or another C library, or is no shared library at all.
    Pkcs11ModulePlatform = "ERR_PKCS11_MODULE_PLATFORM", Pkcs11, false;
    /// `C_Initialize` failed.
    Pkcs11Initialize = "ERR_PKCS11_INITIALIZE", Pkcs11, true;
    /// No token fits the selectors; the message lists the tokens seen.
    Pkcs11TokenNotFound = "ERR_PKCS11_TOKEN_NOT_FOUND", Pkcs11, true;
    /// More than one token fits: no PIN is sent to any.
    Pkcs11TokenAmbiguous = "ERR_PKCS11_TOKEN_AMBIGUOUS", Pkcs11, false;
    /// No private key fits; the message lists the keys seen.
    Pkcs11KeyNotFound = "ERR_PKCS11_KEY_NOT_FOUND", Pkcs11, false;
    /// More than one private key fits.
    Pkcs11KeyAmbiguous = "ERR_PKCS11_KEY_AMBIGUOUS", Pkcs11, false;
    /// No certificate object fits.
    Pkcs11CertificateNotFound = "ERR_PKCS11_CERTIFICATE_NOT_FOUND", Pkcs11, false;
    /// More than one certificate object fits.
    Pkcs11CertificateAmbiguous = "ERR_PKCS11_CERTIFICATE_AMBIGUOUS", Pkcs11, false;
    /// The key in the token is not the certificate's: its test signature does not verify.
    Pkcs11KeyMismatch = "ERR_PKCS11_KEY_MISMATCH", Pkcs11, false;
    /// The token needs a PIN and none was given.
    Pkcs11PinRequired = "ERR_PKCS11_PIN_REQUIRED", Pkcs11, false;
    /// The token refused the PIN. It will not be sent again by this process.
    Pkcs11PinIncorrect = "ERR_PKCS11_PIN_INCORRECT", Pkcs11, false;
    /// The same PIN was refused before; it was not sent again, so that it cannot lock the token.
    Pkcs11PinNotRetried = "ERR_PKCS11_PIN_NOT_RETRIED", Pkcs11, false;
    /// The token is logged in with another PIN.
    Pkcs11PinMismatch = "ERR_PKCS11_PIN_MISMATCH", Pkcs11, false;
    /// The PIN is locked.
    Pkcs11PinLocked = "ERR_PKCS11_PIN_LOCKED", Pkcs11, false;
    /// The PIN has expired or must be changed before use.
    Pkcs11PinExpired = "ERR_PKCS11_PIN_EXPIRED", Pkcs11, false;
    /// The `userPin` callback failed, gave no PIN, or took too long.
    Pkcs11PinCallback = "ERR_PKCS11_PIN_CALLBACK", Pkcs11, true;
    /// No mechanism of the token makes the signature TLS needs.
    Pkcs11Mechanism = "ERR_PKCS11_MECHANISM", Pkcs11, false;
    /// The token did not answer within `signTimeoutMs`.
    Pkcs11Timeout = "ERR_PKCS11_TIMEOUT", Pkcs11, true;
    /// An earlier call into the token has not come back; nothing more is sent to it.
    Pkcs11Hung = "ERR_PKCS11_HUNG", Pkcs11, true;
    /// Any other return value of the module.
    Pkcs11Call = "ERR_PKCS11_CALL", Pkcs11, true;

    /// A topic or filter that MQTT or the limits do not allow.
    MqttTopic = "ERR_MQTT_TOPIC", Mqtt, false;
    /// QoS 2: AWS IoT has none.
    MqttQos = "ERR_MQTT_QOS", Mqtt, false;
    /// A property that this packet or version of MQTT cannot carry, or a text too long for it.
    MqttProperty = "ERR_MQTT_PROPERTY", Mqtt, false;
    /// The packet is larger than the limits or the server allow.
    MqttPacketTooLarge = "ERR_MQTT_PACKET_TOO_LARGE", Mqtt, false;
    /// More subscriptions than the limits allow on one connection.
    MqttTooManySubscriptions = "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS", Mqtt, false;
    /// The server said that it cannot do this: retained messages, QoS 1, wildcards, shared subscriptions.
    MqttUnsupported = "ERR_MQTT_UNSUPPORTED", Mqtt, false;
    /// The queue is full.
    MqttQueueFull = "ERR_MQTT_QUEUE_FULL", Mqtt, true;
    /// The queue on disk is open already, here or in another process.
    MqttQueueLocked = "ERR_MQTT_QUEUE_LOCKED", Mqtt, true;
    /// The directory of the queue on disk is none, or others may write in it.
    MqttQueueDirectory = "ERR_MQTT_QUEUE_DIRECTORY", Mqtt, false;
    /// The queue on disk holds the messages of another client.
    MqttQueueIdentity = "ERR_MQTT_QUEUE_IDENTITY", Mqtt, false;
    /// The queue on disk was written by a newer version of this package. It was left alone.
    MqttQueueVersion = "ERR_MQTT_QUEUE_VERSION", Mqtt, false;
    /// The queue on disk could not be read or written: disk full, read-only, I/O error.
    MqttQueueStorage = "ERR_MQTT_QUEUE_STORAGE", Mqtt, true;
    /// There is no connection, and no offline queue.
    MqttOffline = "ERR_MQTT_OFFLINE", Mqtt, true;
    /// A full queue dropped the message, by its policy.
    MqttDropped = "ERR_MQTT_DROPPED", Mqtt, true;
    /// The message waited in the queue for longer than it may.
    MqttExpired = "ERR_MQTT_EXPIRED", Mqtt, true;
    /// The operation did not settle within its time; the message says whether it was sent.
    MqttTimeout = "ERR_MQTT_TIMEOUT", Mqtt, true;
    /// The operation was cancelled; the message says whether it was sent.
    MqttCancelled = "ERR_MQTT_CANCELLED", Mqtt, false;
    /// The server refused the message; the reason is in the message.
    MqttPublishRefused = "ERR_MQTT_PUBLISH_REFUSED", Mqtt, false;
    /// The server refused every filter; the reasons are in the message.
    MqttSubscribeRefused = "ERR_MQTT_SUBSCRIBE_REFUSED", Mqtt, false;
    /// An acknowledgement for a message of an earlier connection, or given before.
    MqttStaleAck = "ERR_MQTT_STALE_ACK", Mqtt, false;
    /// The server refused the connection: client identifier, policy, certificate, quota.
    MqttConnectRefused = "ERR_MQTT_CONNECT_REFUSED", Mqtt, true;
    /// The server ended the connection, with a reason or without a word.
    MqttDisconnected = "ERR_MQTT_DISCONNECTED", Mqtt, true;
    /// Another connection with the same client identifier took the session over.
    MqttTakenOver = "ERR_MQTT_TAKEN_OVER", Mqtt, true;
    /// Nothing came back within the ping timeout.
    MqttKeepAlive = "ERR_MQTT_KEEP_ALIVE", Mqtt, true;
    /// The server did not answer a CONNECT, PUBLISH, SUBSCRIBE or UNSUBSCRIBE in time.
    MqttNoAnswer = "ERR_MQTT_NO_ANSWER", Mqtt, true;
    /// What came is not MQTT, or not allowed there.
    MqttProtocol = "ERR_MQTT_PROTOCOL", Mqtt, true;

    /// The session is closed.
    Closed = "ERR_CLOSED", Closed, false;
    /// A defect of this library.
    Internal = "ERR_INTERNAL", Internal, false;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_are_distinct_and_spelled_alike() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            assert!(text.starts_with("ERR_"), "{text}");
            assert!(text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'), "{text}");
        }
    }
}
