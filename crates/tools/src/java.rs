//! How Java writes what Rust writes otherwise.

/// `Double.toString`.
pub fn double(number: f64) -> String {
    shown(number, format!("{number:e}"), number.abs())
}

/// `Float.toString`.
pub fn float(number: f32) -> String {
    shown(f64::from(number), format!("{number:e}"), f64::from(number.abs()))
}

/// From the shortest digits that tell the number from its neighbours: plain from 10^-3 to 10^7, otherwise
/// with an exponent; always with a digit behind the point.
fn shown(number: f64, scientific: String, size: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (sign, scientific) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest.to_owned()),
        None => ("", scientific),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    let (whole, part) = if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        ("0".to_owned(), format!("{zeros}{digits}"))
    } else {
        let whole_digits = exponent as usize + 1;
        let padded = format!("{digits:0<whole_digits$}");
        let (whole, part) = padded.split_at(whole_digits);
        (whole.to_owned(), part.to_owned())
    };
    let part = if part.is_empty() { "0" } else { &part };
    format!("{sign}{whole}.{part}")
}

/// A point in time (ms since 1970, shown in UTC) as `SimpleDateFormat` writes it: y, M, d, H, m, s and S,
/// as wide as they are repeated.
pub fn date(ms: i64, pattern: &str) -> String {
    let days = ms.div_euclid(86_400_000);
    let of_day = ms.rem_euclid(86_400_000);
    // Counted from March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = shifted.div_euclid(146_097) * 400 + year_of_era + i64::from(month <= 2);
    let mut shown = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut width = 1;
        while letters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        let number = match letter {
            'y' if width == 2 => year % 100,
            'y' => year,
            'M' => month,
            'd' => day,
            'H' => of_day / 3_600_000,
            'm' => of_day / 60_000 % 60,
            's' => of_day / 1000 % 60,
            'S' => of_day % 1000,
            other => {
                shown.extend(std::iter::repeat_n(other, width));
                continue;
            }
        };
        shown += &format!("{number:0width$}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    // Printed by Java 21.
    #[test]
    fn numbers_are_written_as_java_does() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.00012, "1.2E-4"),
            (12345678.0, "1.2345678E7"),
            (9999999.5, "9999999.5"),
            (1e100, "1.0E100"),
            (-3.25, "-3.25"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(number), expected);
        }
        assert_eq!(float(1.1), "1.1");
    }

    #[test]
    fn dates_are_written_as_java_does() {
        let pattern = "yyyy-MM-dd HH:mm:ss:SSS";
        assert_eq!(date(0, pattern), "1970-01-01 00:00:00:000");
        assert_eq!(date(1_709_251_199_999, pattern), "2024-02-29 23:59:59:999");
        assert_eq!(date(1_796_019_121_500, "yy/M/d H:m"), "26/11/30 6:12");
        assert_eq!(date(-1, pattern), "1969-12-31 23:59:59:999");
    }
}
