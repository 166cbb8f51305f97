//! Recognises an ISO 8601 duration as Java's `Duration.parse` reads it (`PnDTnHnMn.nS`), for
//! `share.auto.offset.reset`.

/// Whether `text` is a duration that is not negative: `P`, then days, then `T` with hours, minutes and
/// seconds.
pub(super) fn is_iso_duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some(body) = upper.strip_prefix('P') else {
        return false;
    };
    let (days, time) = match body.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (body, None),
    };
    let has_days = match days.strip_suffix('D') {
        Some(number) => {
            if !is_whole(number) {
                return false;
            }
            true
        }
        None if days.is_empty() => false,
        None => return false,
    };
    match time {
        None => has_days,
        Some(time) => is_time(time),
    }
}

/// `nHnMn.nS`, each part optional but not all of them.
fn is_time(mut rest: &str) -> bool {
    if rest.is_empty() {
        return false;
    }
    for unit in ['H', 'M', 'S'] {
        if let Some((number, after)) = rest.split_once(unit) {
            let fraction_allowed = unit == 'S';
            let valid = match number.split_once('.') {
                Some((whole, fraction)) => {
                    fraction_allowed
                        && is_whole(whole)
                        && fraction.len() <= 9
                        && fraction.bytes().all(|b| b.is_ascii_digit())
                }
                None => is_whole(number),
            };
            if !valid {
                return false;
            }
            rest = after;
        }
    }
    rest.is_empty()
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_iso_duration;

    #[test]
    fn reads_what_java_reads() {
        for good in ["P1D", "PT1H", "PT15M", "PT10S", "P2DT3H4M", "PT0.345S", "pt5m"] {
            assert!(is_iso_duration(good), "{good}");
        }
        for bad in [
            "", "P", "PT", "1D", "P1H", "PT1D", "PT-1S", "P1Y", "PT1S2M", "PT1.5H", "PTS",
        ] {
            assert!(!is_iso_duration(bad), "{bad}");
        }
    }
}
