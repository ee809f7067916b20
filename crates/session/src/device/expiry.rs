//! Warns before the device certificate ends: a gateway whose certificate is over is locked out for good.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{BootTime, Certificate, Reading, Timestamp, Warning};

const DAY: Duration = Duration::from_hours(24);
const DAY_MILLIS: i64 = 86_400_000;

/// Decides when to warn.
pub(super) struct Expiry {
    /// 0: never.
    days: u32,
    /// When was warned last, of a certificate that ends then.
    told: Mutex<Option<(BootTime, Timestamp)>>,
}

impl Expiry {
    pub(super) fn new(days: u32) -> Self {
        Self { days, told: Mutex::default() }
    }

    /// The warning that is due, at most one a day for one certificate.
    pub(super) fn due(&self, leaf: &Certificate, boot: BootTime, reading: Reading) -> Option<Warning> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = leaf.not_after();
        if told.is_some_and(|(told, of)| of == ends && boot.since(told) < DAY) {
            return None;
        }
        let warning = warning(leaf.subject(), ends, reading, self.days)?;
        *told = Some((boot, ends));
        Some(warning)
    }
}

fn warning(subject: &str, ends: Timestamp, Reading { now, basis }: Reading, days: u32) -> Option<Warning> {
    let left = ends.millis_since(now);
    if days == 0 || left > i64::from(days).saturating_mul(DAY_MILLIS) {
        return None;
    }
    let count = |millis: i64| match millis / DAY_MILLIS {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let found = if left > 0 {
        format!("expires on {ends}, in {} by {basis}", count(left))
    } else {
        format!("has expired on {ends}, {} ago by {basis}", count(left.saturating_neg()))
    };
    Some(Warning {
        code: "WARN_CERTIFICATE_EXPIRES",
        message: format!(
            "the device certificate \"{subject}\" {found}. Have a new one issued and registered, and put it in the \
             place of the old one; `certificateWarningDays` is how early this is told."
        ),
    })
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Basis;

    use super::*;

    const ENDS: Timestamp = Timestamp::from_unix_millis(1_000 * DAY_MILLIS);

    fn message(left_millis: i64, days: u32) -> Option<String> {
        let now = Timestamp::from_unix_millis(ENDS.unix_millis() - left_millis);
        let reading = Reading { now, basis: Basis::Server };
        warning("CN=gw", ENDS, reading, days).map(|warning| warning.message)
    }

    #[test]
    fn it_comes_as_early_as_asked_for() {
        assert_eq!(message(30 * DAY_MILLIS + 1, 30), None);
        assert!(message(30 * DAY_MILLIS, 30).unwrap().contains("in 30 days by the server's clock"));
        assert!(message(3650 * DAY_MILLIS, 3650).is_some());
        assert_eq!((message(1, 0), message(-1, 0)), (None, None));
    }

    #[test]
    fn it_says_how_long_and_whether_it_is_over() {
        assert!(
            message(DAY_MILLIS, 30).unwrap().contains("\"CN=gw\" expires on 1972-09-27T00:00:00Z, in 1 day")
        );
        assert!(message(1, 30).unwrap().contains("in less than a day"));
        assert!(message(0, 30).unwrap().contains("has expired on"));
        assert!(message(-3 * DAY_MILLIS, 1).unwrap().contains("3 days ago"));
    }
}
