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

/// The duration in milliseconds, rounded down; `None` for what is no duration.
pub fn iso_duration_ms(text: &str) -> Option<i64> {
    if !is_iso_duration(text) {
        return None;
    }
    let mut total_ms: i64 = 0;
    let mut number = String::new();
    for c in text.to_ascii_uppercase().chars() {
        let unit_ms: i64 = match c {
            '0'..='9' | '.' | '+' => {
                number.push(c);
                continue;
            }
            'D' => 86_400_000,
            'H' => 3_600_000,
            'M' => 60_000,
            'S' => 1_000,
            _ => continue,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let whole: i64 = whole.parse().ok()?;
        let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
        total_ms = total_ms
            .saturating_add(whole.saturating_mul(unit_ms))
            .saturating_add(thousandths);
        number.clear();
    }
    Some(total_ms)
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{is_iso_duration, iso_duration_ms};

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

    #[test]
    fn durations_are_so_many_milliseconds() {
        let durations = [
            ("P1D", Some(86_400_000)),
            ("PT1H30M", Some(5_400_000)),
            ("pt0.3456S", Some(345)),
            ("P2DT+3S", Some(172_803_000)),
            ("PT999999999999999999H", Some(i64::MAX)),
            ("1H", None),
        ];
        for (text, expected) in durations {
            assert_eq!(iso_duration_ms(text), expected, "{text}");
        }
    }
}
