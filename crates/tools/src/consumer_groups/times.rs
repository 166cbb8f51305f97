//! Points in time and durations, as ISO 8601 writes them.

/// Milliseconds since 1970 of `2026-01-31T13:59:59.999`, in UTC unless it says otherwise.
pub fn date_time(text: &str) -> Result<i64, String> {
    let Some((date, time)) = text.split_once('T') else {
        return Err(format!(
            "java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format: \
             {text}"
        ));
    };
    let unparseable = || format!("java.text.ParseException: Unparseable date: \"{text}\"");
    let zone_at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let numbers = |text: &str, separators: &[char], count: usize| -> Option<Vec<i64>> {
        let parts: Vec<i64> = text
            .split(separators)
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        (parts.len() == count && parts.iter().all(|part| *part >= 0)).then_some(parts)
    };
    let date = numbers(date, &['-'], 3).ok_or_else(unparseable)?;
    let clock = numbers(time, &[':', '.'], 4).ok_or_else(unparseable)?;
    let (year, month, day) = (date[0], date[1], date[2]);
    let lengths = [
        31,
        if is_leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let is_day = (1..=12).contains(&month) && (1..=lengths[(month - 1).clamp(0, 11) as usize]).contains(&day);
    if !is_day || clock[0] > 23 || clock[1] > 59 || clock[2] > 59 || clock[3] > 999 {
        return Err(unparseable());
    }
    let minutes = offset_minutes(zone).ok_or_else(unparseable)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2];
    Ok((seconds - minutes * 60) * 1000 + clock[3])
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// `Z`, nothing, `+02`, `+0200` or `+02:00`.
fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = zone.split_at(1);
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let minutes = if digits.len() == 2 {
        number * 60
    } else {
        number / 100 * 60 + number % 100
    };
    Some(if sign == "-" { -minutes } else { minutes })
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Counted from March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Milliseconds of `P1DT2H3M4.5S`, as Java's `Duration.parse` takes it.
pub fn duration(text: &str) -> Option<i64> {
    let text = text.to_ascii_uppercase();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, times) = match rest.split_once('T') {
        Some((days, times)) if !times.is_empty() => (days, times),
        Some(_) => return None,
        None => (rest, ""),
    };
    if days.is_empty() && times.is_empty() {
        return None;
    }
    let mut ms = 0.0;
    if !days.is_empty() {
        ms += days.strip_suffix('D')?.parse::<i64>().ok()? as f64 * 86_400_000.0;
    }
    let mut rest = times;
    for (unit, size) in [('H', 3_600_000.0), ('M', 60_000.0), ('S', 1000.0)] {
        if let Some((number, after)) = rest.split_once(unit) {
            ms += number.parse::<f64>().ok()? * size;
            rest = after;
        }
    }
    rest.is_empty().then_some(sign * ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00.000", 0),
            ("2026-11-30T06:12:01.500", 1_796_019_121_500),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2024-02-29T23:59:59.999+01:00", 1_709_247_599_999),
            ("2024-02-29T23:59:59.999-0130", 1_709_256_599_999),
        ] {
            assert_eq!(date_time(text), Ok(expected), "{text}");
        }
        for wrong in [
            "2026-01-01",
            "2026-13-01T00:00:00.000",
            "2025-02-29T00:00:00.000",
            "2026-01-01T00:00:00",
            "T",
        ] {
            assert!(date_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, expected) in [
            ("P1D", Some(86_400_000)),
            ("PT1H2M3.5S", Some(3_723_500)),
            ("P1DT1S", Some(86_401_000)),
            ("-PT1S", Some(-1000)),
            ("pt1s", Some(1000)),
            ("P", None),
            ("PT", None),
            ("1D", None),
            ("PT1X", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
